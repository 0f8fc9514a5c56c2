"""Where this machine keeps things: the data folder, its lock, the keys of its LiveKit server."""

import fcntl
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from unbroken.cli.refusal import Refusal, refusal_of
from unbroken.env import Host
from unbroken.journal.spool import Spool

FREE_BYTES_MIN = 100_000_000  # an hour of calls needs a few MB; below this a call could not be kept
SECRET_BYTES = 32


class LiveKitKeys(NamedTuple):
    """What signs tokens for the LiveKit server."""

    api_key: str
    api_secret: str


def spool_folder() -> Path:
    """That of the agents and of the keeper in the same environment."""
    return Path(Spool.usual_folder(Host())).absolute()


def make_folder(folder: Path) -> None:
    """After it, `folder` exists, is ours alone, and can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise refusal_of(error, f"Writing to {folder}") from error
    free_bytes(folder)


def free_bytes(folder: Path) -> int:
    """What its disk has free. Raises Refusal where it is too little, or nothing may be written.

    A folder that is not there yet is where it would be made; nothing is made.
    """
    doing = f"Writing to {folder}"
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
    except OSError as error:
        raise refusal_of(error, doing) from error
    if not there.is_dir():
        raise Refusal(f"{doing} failed: {there} is no folder.", code=1)
    if not os.access(there, os.W_OK | os.X_OK):
        raise Refusal(f"{doing} failed: this user may not write to {there}.", code=1)
    if free < FREE_BYTES_MIN:
        raise Refusal(
            f"The disk of {folder} is full: {free / 1e6:.0f} MB are free, "
            f"{FREE_BYTES_MIN / 1e6:.0f} MB are needed.",
            code=1,
        )
    return free


def lock(folder: Path, *, whose: str) -> IO[str]:
    """The lock of `unbroken up` on a data folder, held until the returned file is closed.

    `whose` is told to the one who comes second. Raises Refusal for that one.
    """
    file = (folder / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise Refusal(f"unbroken is already running on {folder}: {holder}.") from None
    note_in(file, whose)
    return file


def runs_on(folder: Path) -> str | None:
    """What a second `unbroken up` on a data folder is told; None: none runs. Makes nothing."""
    try:
        with (folder / "up.lock").open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        return (folder / "up.lock").read_text(encoding="utf-8").strip()
    except OSError:
        return None


def note_in(lock_file: IO[str], whose: str) -> None:
    """Change what the second one is told."""
    lock_file.truncate(0)
    lock_file.write(whose)
    lock_file.flush()


def livekit_keys(folder: Path) -> LiveKitKeys:
    """This machine's own keys, made at the first call; the file can be read by its owner only."""
    path = folder / "livekit-keys.json"
    with suppress(FileNotFoundError):
        return _read_keys(path)
    keys = LiveKitKeys(f"key{os.urandom(6).hex()}", os.urandom(SECRET_BYTES).hex())
    write_private(path, json.dumps(keys._asdict()))
    return keys


def _read_keys(path: Path) -> LiveKitKeys:
    try:
        return LiveKitKeys(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Refusal(f"{path} has been changed and holds no keys; remove it.") from error


def write_private(path: Path, text: str) -> None:
    """Replace `path` as a whole; nobody else could read it at any moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise refusal_of(error, f"Writing {path}") from error
