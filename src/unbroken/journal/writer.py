"""The journal as its holder writes it: without waiting.

Theory of operation
-------------------
`append` encodes and makes one `write()` call: after it, the entry survives SIGKILL (`process`).
A disk can make that call slow, so after one write over SLOW_WRITE_US the journal moves to
a thread for good: frames queue in memory and `written` follows. `sync` is a group fdatasync in
the same thread (`disk`); nobody has to wait for it.

What a write could not place stays in `_pending`, in order, and goes first the next time: a short
write or a full disk leaves a torn frame only at the end of the file, which to a reader means
*not yet*. Beyond PENDING_BYTES_MAX entries are refused, loudly.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from unbroken.env import Env, File
from unbroken.errors import JournalUnwritable
from unbroken.frames import BOUND, CLOSED, ENTRY, MARK, Frame, Header, encode_frame, encode_header
from unbroken.spool import Spool

SLOW_WRITE_US = 10_000
PENDING_BYTES_MAX = 16 << 20


class Journal:
    """Belongs to the event loop it was created in. Open with `create`."""

    def __init__(self, env: Env, file: File, header: Header, *, lock: str) -> None:
        self.header = header
        self.appended = 0  # the n of the newest entry
        self.written = 0  # up to here entries survive SIGKILL
        self.synced = 0  # up to here they survive power loss
        self.degraded: str | None = None
        self.disk_failed = False  # an fsync failed: this file is never safe from power loss again
        self.on_progress: Callable[[], None] = lambda: None
        self._env = env
        self._file = file
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._pending = bytearray()
        self._threaded = False
        self._executor: ThreadPoolExecutor | None = None
        self._job: _Job | None = None
        self._sync_wanted = False
        self._closed = False

    @classmethod
    def create(cls, spool: Spool, header: Header) -> "Journal":
        """Lock, ack file and header stand before the journal appears under its name.

        Raises JournalUnwritable when the spool takes no files.
        """
        env, path = spool.env, spool.journal(header.holder)
        try:
            env.lock(lock := spool.lock(header.holder))
            spool.ack(header.holder).close()
            journal = cls(env, env.create(path + ".new"), header, lock=lock)
            journal._put(encode_header(header))
            env.rename(path + ".new", path)
        except OSError as error:
            raise JournalUnwritable(f"{spool.folder}: {error.strerror}") from error
        return journal

    def bind(self, header: Header) -> None:
        """The session was taken: `header` names it. The keeper learns it from the file."""
        self.header = header
        session_id, term = header.session_id, header.term
        assert session_id is not None and term is not None  # noqa: S101, PT018 - it was taken
        now_us, base = self._env.now_us(), header.base or 0
        self._put(encode_frame(Frame(BOUND, base, now_us, "", 0, session_id.bytes, term)))

    def append(self, kind: str, payload: bytes, *, flags: int = 0) -> int:
        """Add an entry and return its n. Never waits.

        Raises JournalUnwritable when the disk has taken nothing for PENDING_BYTES_MAX.
        """
        if self._closed or len(self._pending) > PENDING_BYTES_MAX:
            raise JournalUnwritable(self.degraded or "the journal is closed")
        self.appended += 1
        self._put(self._frame(ENTRY, self.appended, kind, flags, payload))
        return self.appended

    def mark(self, payload: bytes) -> None:
        """Replace what is in flight. It is never owed: a mark that cannot be written is let go."""
        if not self._closed and not self._pending:
            self._put(self._frame(MARK, self.appended, "", 0, payload))

    def sync(self) -> None:
        """Begin to make all entries survive power loss; `synced` tells when they do."""
        self._sync_wanted = not self.disk_failed
        self._work()

    def close(self, cause: str) -> None:
        """Leave the holder's last word, close, and give up the lock: the holder is gone."""
        if self._closed:
            return
        self._closed = True  # first: a job that is finished now must not begin another
        if self._job:
            self._finish(self._job)
        self._pending += self._frame(CLOSED, 0, cause, 0, b"")
        self._flush()
        if self._executor:
            self._executor.shutdown()
        self._file.close()
        self._env.unlock(self._lock)

    def _frame(self, type_: int, n: int, kind: str, flags: int, payload: bytes) -> bytes:
        return encode_frame(Frame(type_, n, self._env.now_us(), kind, flags, payload))

    def _put(self, frame: bytes) -> None:
        self._pending += frame
        if self._threaded:
            self._work()
            return
        began_us = self._env.boot_us()
        self._flush()
        self._threaded = self._env.boot_us() - began_us > SLOW_WRITE_US

    def _flush(self) -> None:
        done, self.degraded = _write(self._file, bytes(self._pending))
        del self._pending[:done]
        if not self._pending:
            self.written = self.appended

    def _work(self) -> None:
        """Give the thread what is to be written and synced, one job at a time."""
        writes = self._threaded and bool(self._pending)
        if self._job or self._closed or not (writes or self._sync_wanted):
            return
        self._executor = self._executor or ThreadPoolExecutor(1, "journal")
        data = bytes(self._pending) if writes else b""
        upto = self.appended if writes else self.written
        job = self._job = _Job(
            upto, len(data), self._executor.submit(_write_and_sync, self._file, data)
        )
        self._sync_wanted = False
        job.future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._finish, job))

    def _finish(self, job: "_Job") -> None:
        if self._job is not job:
            return  # `close` was quicker than the loop
        self._job = None
        done, error, is_synced = job.future.result()
        del self._pending[:done]
        if done == job.size:
            self.written = max(self.written, job.upto)
        if is_synced:
            self.synced = max(self.synced, job.upto)
        elif error is None:
            self.disk_failed, error = True, "journal: fsync failed"
        self.degraded = error
        self.on_progress()
        if error is None:
            self._work()  # what came meanwhile; after an error the next append tries again


class _Job(msgspec.Struct, frozen=True, eq=False):
    upto: int
    size: int
    future: Future[tuple[int, str | None, bool]]


def _write(file: File, data: bytes) -> tuple[int, str | None]:
    """How much was written, and what stopped it."""
    done = 0
    try:
        while done < len(data):
            done += file.write(data[done:])
    except OSError as error:
        return done, f"journal: {error.strerror}"
    return done, None


def _write_and_sync(file: File, data: bytes) -> tuple[int, str | None, bool]:
    done, error = _write(file, data)
    if error:
        return done, error, False
    try:
        file.sync()
    except OSError:
        return done, None, False
    return done, None, True
