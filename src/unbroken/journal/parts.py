"""The files of one holder: one, and another one after each failed fsync.

A failed fsync is told once, and the pages that it was about may be gone: the same file's next one
succeeds and means nothing. So what was not yet synced is written again, from memory, to a new
file, and the journal goes on there. All of this blocks: it runs in the journal's thread.
"""

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from uuid import UUID

import msgspec

from unbroken.env import File
from unbroken.errors import JournalUnwritable
from unbroken.journal.frames import Header, encode_header
from unbroken.journal.spool import PARTS_MAX, Spool

TRIES_MAX = 10  # of an fsync that a signal interrupts


def write(file: File, data: bytes) -> tuple[int, OSError | None]:
    """How much was written, and what stopped it."""
    done = 0
    try:
        while done < len(data):
            done += file.write(data[done:] if done else data)
    except OSError as error:
        return done, error
    return done, None


@contextlib.contextmanager
def beginning(spool: Spool, holder: UUID) -> Iterator[None]:
    """Hold the lock of a journal that begins within; if it cannot, nothing is left behind.

    Raises JournalUnwritable.
    """
    try:
        if not spool.env.lock(spool.lock(holder)):
            raise JournalUnwritable(f"{spool.folder}: another process is this holder")
        yield
    except OSError as error:
        _leave_nothing(spool, holder)
        raise JournalUnwritable(f"{spool.folder}: {error.strerror}") from error


def _leave_nothing(spool: Spool, holder: UUID) -> None:
    spool.env.unlock(spool.lock(holder))
    for remove in (spool.remove, spool.remove_new):
        with contextlib.suppress(OSError):  # a disk that takes nothing had nothing to leave
            remove(holder)


class Synced(msgspec.Struct, frozen=True):
    """What became of a sync. With `file` the journal goes on in that one, from `part` on.

    `is_final`: no further file may be begun, or a blob is gone.
    """

    error: OSError | None = None
    file: File | None = None
    part: int = 0
    is_final: bool = False


class Done(msgspec.Struct, frozen=True):
    """What the thread did: how many bytes it wrote in which time, or what stopped it, and what
    became of the sync. Without `synced` none was tried."""

    size: int
    error: OSError | None
    took_us: int
    synced: Synced | None = None


class Job(msgspec.Struct, frozen=True, eq=False):
    """What the thread was given: frames up to an entry, and blobs."""

    upto: int
    size: int
    blobs: list[str]
    future: Future[Done]


class Parts:
    """Knows which file is the newest, and whether its fsync can still be believed."""

    def __init__(self, spool: Spool, file: File) -> None:
        self.is_doubtful = self.has_failed = False  # the latter for ever
        self._spool = spool
        self._file = file
        self._number = 0
        self._is_new = True  # its name is not yet safe

    def work(
        self, header: Header, data: bytes, blobs: Sequence[str], frames: Sequence[bytes] | None
    ) -> Done:
        """Write `data`, and sync, unless that is in vain."""
        began_us = self._spool.env.boot_us()
        size, error = write(self._file, data)
        took_us = self._spool.env.boot_us() - began_us
        if error or self.has_failed:
            return Done(size, error, took_us)
        return Done(size, None, took_us, self.sync(header, blobs, frames))

    def sync(self, header: Header, blobs: Sequence[str], frames: Sequence[bytes] | None) -> Synced:
        """Make the file, its name and `blobs` survive a power loss.

        `frames` are those that are not yet synced; None: they are not all in memory any more.
        """
        try:
            if blobs:
                self._spool.sync_blobs(header.holder, blobs)
        except OSError as error:
            return Synced(error, is_final=True)
        try:
            if not self.is_doubtful:
                self._sync()
                return Synced()
        except OSError:
            self.is_doubtful = True
        if frames is None:
            return Synced(OSError("fsync failed"), is_final=True)
        return self._next(header, frames)

    def _sync(self, tries: int = TRIES_MAX) -> None:
        try:
            self._file.sync()
            if self._is_new:
                self._spool.env.sync_folder(self._spool.folder, above=True)
                self._is_new = False
        except InterruptedError:  # it was not done: the next one means what it says
            if tries == 1:
                raise
            self._sync(tries - 1)

    def _next(self, header: Header, frames: Sequence[bytes]) -> Synced:
        """The next file that can be synced. One that cannot even be written costs no number: a
        full disk may have room at the next try."""
        while self._number + 1 < PARTS_MAX:
            try:
                file = self._filled(header, frames)
            except OSError as error:
                return Synced(error)
            self._number += 1
            try:
                self._appear(header, file)
            except OSError:
                file.close()
                continue
            self._file, self.is_doubtful = file, False
            return Synced(file=file, part=self._number)
        return Synced(OSError("fsync failed"), is_final=True)

    def _filled(self, header: Header, frames: Sequence[bytes]) -> File:
        env, path = self._spool.env, self._new(header, self._number + 1)
        env.remove(path)
        file = env.create(path)
        _, error = write(file, encode_header(header) + b"".join(frames))
        if error:
            file.close()
            env.remove(path)
            raise error
        return file

    def _appear(self, header: Header, file: File) -> None:
        """Under its name only once it is safe."""
        env, path = self._spool.env, self._new(header, self._number)
        try:
            file.sync()
            env.rename(path, self._spool.journal(header.holder, self._number))
            env.sync_folder(self._spool.folder)
        except OSError:
            env.remove(path)
            raise

    def _new(self, header: Header, number: int) -> str:
        return f"{self._spool.journal(header.holder, number)}.new"
