"""The world outside: time, randomness, files, locks and processes of the core, in one place.

Everything under `unbroken` that is not an edge asks an `Env`, so that the same code runs in a
deterministic simulation. `Host` is the real one.
"""

import contextlib
import errno
import fcntl
import os
import platform
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from unbroken import disk

# Where locks and syncs are not what they say.
NETWORK_FILE_SYSTEMS = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "ncpfs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone"),
}
_FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, len, pid


class File(Protocol):
    """An open file. Positions and sizes are bytes."""

    def write(self, data: bytes) -> int:
        """Write at the end; may write less than all, as the system call may. Raises OSError."""
        ...

    def read(self, offset: int, size: int) -> bytes: ...
    def size(self) -> int: ...
    def sync(self) -> None:
        """On return all written bytes survive a power loss. Blocks; raises OSError."""
        ...

    def close(self) -> None: ...


class SharedWords(Protocol):
    """A small mapped file of aligned unsigned 64-bit words, shared by two processes."""

    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...
    def close(self) -> None: ...


class Bell(Protocol):
    """Another process rings it; `descriptor` is readable until it is hushed."""

    descriptor: int

    def hush(self) -> None: ...
    def close(self) -> None: ...


class Env(Protocol):
    """What the core may know and do of the world. Folders and files are absolute paths."""

    def now_us(self) -> int:
        """Wall clock, microseconds since 1970; may step."""
        ...

    def boot_us(self) -> int:
        """Microseconds since boot, suspended time included; same for all processes of the host."""
        ...

    def new_id(self) -> UUID:
        """A version 7 uuid: ids made later sort later."""
        ...

    def host_name(self) -> str: ...
    def pid(self) -> int: ...
    def started(self, pid: int) -> int | None:
        """When a process began, in clock ticks since boot; None if there is none."""
        ...

    def is_stopped(self, pid: int) -> bool:
        """Whether it was stopped (SIGSTOP, a debugger), not merely busy."""
        ...

    def variable(self, name: str) -> str | None: ...
    def variables(self, names: Sequence[str]) -> dict[str, str]:
        """Those of `names` that are set: what a child may inherit, no more."""
        ...

    def interpreter(self) -> str:
        """The Python that runs us."""
        ...

    def state_folder(self) -> str:
        """Where a host keeps state that must survive: XDG_STATE_HOME, or /var/lib as root."""
        ...

    def make_folder(self, path: str) -> None:
        """A folder for us alone, made if absent; one of ours that is open to others is closed to
        them. Raises OSError for a link, for what is no folder, and for one of somebody else."""
        ...

    def sync_folder(self, path: str, *, above: bool = False) -> None:
        """On return what was made, renamed and removed in it survives a power loss; with `above`
        the folder itself too. Blocks; raises OSError."""
        ...

    def network_file_system(self, path: str) -> str | None:
        """The kind of network file system that a folder is on; None: it is a local disk."""
        ...

    def list_folder(self, path: str) -> list[str]: ...
    def create(self, path: str) -> File:
        """A new file, mode 0600, for appending and reading. Raises FileExistsError, OSError."""
        ...

    def open(self, path: str) -> File:
        """An existing file, for reading. Raises FileNotFoundError, and OSError for a link, a
        folder, a FIFO or a device: it never waits."""
        ...

    def open_words(self, path: str, count: int) -> SharedWords:
        """Map `count` words of `path`, made if absent (mode 0600, zeros).

        All of it has its room on the disk, or OSError is raised: a page that is not there would
        kill who touches it.
        """
        ...

    def open_bell(self, path: str) -> Bell:
        """A bell of that name (a FIFO, mode 0600), made if absent. Raises OSError."""
        ...

    def ring(self, path: str) -> None:
        """Whether somebody hears it or not: never waits, never raises."""
        ...

    def rename(self, old: str, new: str) -> None: ...
    def link(self, old: str, new: str) -> None:
        """A second name, all at once. Raises FileExistsError: nothing is ever replaced."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def exists(self, path: str) -> bool: ...
    def age_us(self, path: str) -> int | None:
        """How long ago a file was last written, by the wall clock; None if it is not there."""
        ...

    def trim(self, path: str, size: int) -> None:
        """Cut a log that has grown beyond `size` down to its newer half."""
        ...

    def allow_files(self) -> int:
        """Let this process open as many files as the system allows it; returns how many."""
        ...

    def lock(self, path: str) -> bool:
        """Take the lock file for the life of this process; False if another process has it.

        Raises OSError if it cannot be made or opened.
        """
        ...

    def is_locked(self, path: str) -> bool:
        """Whether a living process, this one included, holds the lock."""
        ...

    def unlock(self, path: str) -> None: ...
    def start(self, command: Sequence[str], *, log: str, variables: dict[str, str]) -> int:
        """Start a process in a session of its own, output to the end of `log`; returns its pid.

        Raises OSError.
        """
        ...

    def kill(self, pid: int) -> None:
        """SIGKILL; a process that is gone is no error."""
        ...


class Host:
    """This host. POSIX locks: they end with their process, and a forked child has none of them."""

    def __init__(self) -> None:
        self._locks: dict[str, int] = {}
        self._started: list[int] = []

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def boot_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000

    def new_id(self) -> UUID:
        random = int.from_bytes(os.urandom(10), "big")
        value = (time.time_ns() // 1_000_000) << 80 | random
        return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)

    def host_name(self) -> str:
        return platform.node()

    def pid(self) -> int:
        return os.getpid()

    def started(self, pid: int) -> int | None:
        fields = _stat(pid)
        return int(fields[19]) if fields else None

    def is_stopped(self, pid: int) -> bool:
        fields = _stat(pid)
        return bool(fields) and fields[0] in ("T", "t")

    def variable(self, name: str) -> str | None:
        return os.environ.get(name) or None

    def variables(self, names: Sequence[str]) -> dict[str, str]:
        return {name: os.environ[name] for name in names if name in os.environ}

    def interpreter(self) -> str:
        return sys.executable

    def state_folder(self) -> str:
        if home := self.variable("XDG_STATE_HOME"):
            return home
        return "/var/lib" if os.getuid() == 0 else os.path.expanduser("~/.local/state")

    def make_folder(self, path: str) -> None:
        disk.own_folder(path)

    def sync_folder(self, path: str, *, above: bool = False) -> None:
        disk.sync_folder(path)
        if above:
            disk.sync_folders_above(path)

    def network_file_system(self, path: str) -> str | None:
        kind = file_system(Path(path))
        return kind if kind in NETWORK_FILE_SYSTEMS else None

    def list_folder(self, path: str) -> list[str]:
        return sorted(os.listdir(path))

    def create(self, path: str) -> File:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return disk.OpenFile(disk.open_regular(path, flags))

    def open(self, path: str) -> File:
        return disk.OpenFile(disk.open_regular(path, os.O_RDONLY))

    def open_words(self, path: str, count: int) -> SharedWords:
        return disk.map_words(path, count)

    def open_bell(self, path: str) -> Bell:
        return disk.open_bell(path)

    def ring(self, path: str) -> None:
        with contextlib.suppress(OSError):  # nobody is there, or it rings already
            disk.ring(path)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def link(self, old: str, new: str) -> None:
        os.link(old, new, follow_symlinks=False)

    def remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def age_us(self, path: str) -> int | None:
        try:
            return (time.time_ns() - os.lstat(path).st_mtime_ns) // 1_000
        except FileNotFoundError:
            return None

    def trim(self, path: str, size: int) -> None:
        if self.exists(path):
            disk.trim(path, size)

    def allow_files(self) -> int:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def lock(self, path: str) -> bool:
        # Opened once and kept: closing any descriptor of a locked file drops a POSIX lock.
        if path in self._locks:
            return True
        descriptor = disk.open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise
        self._locks[path] = descriptor
        return True

    def is_locked(self, path: str) -> bool:
        if path in self._locks:
            return True  # opening the file again and closing it would drop our lock
        try:
            descriptor = disk.open_regular(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
            return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
        finally:
            os.close(descriptor)

    def unlock(self, path: str) -> None:
        if (descriptor := self._locks.pop(path, None)) is not None:
            os.close(descriptor)

    def start(self, command: Sequence[str], *, log: str, variables: dict[str, str]) -> int:
        self._reap()
        output = disk.open_regular(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=variables,
                start_new_session=True,
                close_fds=True,
            )
        finally:
            os.close(output)
        process.returncode = 0  # it may outlive us; `_reap` does the waiting
        self._started.append(process.pid)
        return process.pid

    def _reap(self) -> None:
        """A child that died while we live stays a zombie until somebody asks for it."""
        for pid in tuple(self._started):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            self._started.remove(pid)

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, from the state on; [] without a process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def file_system(folder: Path, mounts: str | None = None) -> str:
    """The type of the file system that holds `folder`; "" where the system does not tell."""
    try:
        lines = (mounts or Path("/proc/self/mounts").read_text(encoding="utf-8")).splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind
