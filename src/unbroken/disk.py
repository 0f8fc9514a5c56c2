"""Files of this host, opened so that nothing surprises: regular ones only, no link followed,
nothing that blocks, no page that is not there.

Only `env` uses it; everything else asks an `Env`.
"""

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Callable

# No link is followed, and a FIFO that has a file's name makes nobody wait.
SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BLOCK = 512  # the unit of st_blocks
_PIPE_BYTES = 64 << 10  # what a FIFO holds at most
_NOT_KNOWN = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}  # a file system that cannot do this


class OpenFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class MappedWords:
    # Through memoryview.cast: struct.pack_into showed torn words to the other process.
    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._words = memoryview(mapped).cast("Q")

    def __getitem__(self, index: int) -> int:
        return self._words[index]

    def __setitem__(self, index: int, value: int) -> None:
        self._words[index] = value

    def close(self) -> None:
        self._words.release()
        self._mapped.close()


class OpenBell:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def hush(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it was hushed already
            os.read(self.descriptor, _PIPE_BYTES)

    def close(self) -> None:
        os.close(self.descriptor)


def open_bell(path: str) -> OpenBell:
    """A FIFO, made if absent. Open for writing, too: it never comes to an end. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return OpenBell(_open(path, os.O_RDWR, "FIFO", stat.S_ISFIFO))


def ring(path: str) -> None:
    """Raises OSError where nobody listens."""
    descriptor = _open(path, os.O_WRONLY, "FIFO", stat.S_ISFIFO)
    try:
        os.write(descriptor, b"\0")
    finally:
        os.close(descriptor)


def open_regular(path: str, flags: int) -> int:
    """A descriptor of a regular file. Raises OSError, for a link, a folder, a FIFO or a device
    too."""
    return _open(path, flags, "regular file", stat.S_ISREG)


def _open(path: str, flags: int, kind: str, is_of_kind: Callable[[int], bool]) -> int:
    descriptor = os.open(path, flags | SAFE, 0o600)
    if not is_of_kind(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"Not a {kind}", path)
    return descriptor


def map_words(path: str, count: int) -> MappedWords:
    """Raises OSError when the disk has no room for the page: touching it would kill us."""
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        _allocate(descriptor, count * 8)
        return MappedWords(mmap.mmap(descriptor, count * 8))
    finally:
        os.close(descriptor)


def _allocate(descriptor: int, size: int) -> None:
    """Give a new, short or hollow file its room. What is in it stays. Where the system cannot say
    (no fallocate), a file that is long enough is believed."""
    found = os.fstat(descriptor)
    if found.st_size >= size and found.st_blocks * _BLOCK >= size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise
        zeros = bytes(max(size - found.st_size, 0))
        if os.pwrite(descriptor, zeros, found.st_size) != len(zeros):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def trim(path: str, size: int) -> None:
    """Cut a log that has grown beyond `size` down to its newer half, where it is."""
    descriptor = open_regular(path, os.O_RDWR)
    try:
        if (found := os.fstat(descriptor).st_size) > size:
            newer = os.pread(descriptor, size // 2, found - size // 2)
            os.ftruncate(descriptor, 0)  # who appends goes on at the new end
            os.pwrite(descriptor, newer[newer.find(b"\n") + 1 :], 0)
    finally:
        os.close(descriptor)


def own_folder(path: str) -> None:
    """Make a folder if it is absent, for us alone. Raises OSError: it cannot be made, is a link or
    no folder, or is somebody else's. One of ours that others may enter is closed to them."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, "It is a link, not a folder", path)
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"It belongs to user {found.st_uid}", path)
    if found.st_mode & 0o077:
        os.chmod(path, 0o700)


def sync_folder(path: str) -> None:
    """What was made, renamed or removed in it survives a power loss. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:  # else it has no such thing
            raise
    finally:
        os.close(descriptor)


def sync_folders_above(path: str) -> None:
    """The same for those that hold it, up to the mount point. One that we may not read is not
    ours to make."""
    device = os.stat(path).st_dev
    while (above := os.path.dirname(path)) != path and os.stat(above).st_dev == device:
        with contextlib.suppress(PermissionError):
            sync_folder(above)
        path = above
