"""The journal as its holder writes it: without waiting.

Theory of operation
-------------------
`append` encodes and makes one `write()` call: after it, the entry survives SIGKILL (`process`).
A disk, or a busy machine, can make that call slow. After one write over SLOW_WRITE_US a thread
writes: frames queue in memory and `written` follows, until writes there are quick again (see
`speed`). `sync` is a group fdatasync in that thread (`disk`); nobody has to wait for it.

What a write could not place waits in `_pending`, in order, and goes first the next time: a short
write or a full disk leaves a torn frame only at the end of the file, which to a reader means
*not yet*. Each append, and a timer, tries again, with a bounded piece. Beyond PENDING_BYTES_MAX
entries are refused, loudly.

What is written and not yet synced stays in memory, too: a file whose fsync failed is never
believed again, and these frames begin the next one (see `parts`). At UNSYNCED_BYTES_MAX a sync is
begun; what comes while four times as much waits for a disk that does not answer is not kept, and
if that sync fails, the disk level is gone for good.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

from unbroken.env import File
from unbroken.errors import JournalUnwritable
from unbroken.journal import frames, speed, trouble
from unbroken.journal.ack import Ack
from unbroken.journal.frames import BOUND, CLOSED, ENTRY, MARK, Frame, Header, encode_frame
from unbroken.journal.group import Group
from unbroken.journal.parts import Job, Parts, Synced, beginning, write
from unbroken.journal.records import Records
from unbroken.journal.spool import Spool
from unbroken.journal.trouble import Trouble

log = logging.getLogger(__name__)

PENDING_BYTES_MAX = 16 << 20
UNSYNCED_BYTES_MAX = 4 << 20
PIECE_BYTES = 64 << 10  # of what waits, in one write: an append on a full disk costs no more
JOB_BYTES = 1 << 20
RETRY_S = 0.25


class Journal:
    """Belongs to the event loop it was created in. Open with `create`."""

    def __init__(self, spool: Spool, file: File, header: Header, ack: Ack) -> None:
        self.header = header
        self.ack = ack  # stays open: whoever leaves may still ask how safe things are
        self.appended = 0  # the n of the newest entry, recorded or not
        self.written = 0  # up to here entries survive SIGKILL
        self.synced = 0  # up to here they survive power loss
        self.put_us = 0  # when the newest entry was put here, since boot
        self.on_change: Callable[[], None] = lambda: None  # of trouble, or of `synced`
        self._spool, self._env = spool, spool.env
        self._file = file
        self._parts = Parts(spool, file)
        self._loop = asyncio.get_running_loop()
        self._pending, self._unsynced = Records(), Records()
        self._group = Group()
        self._torn = 0  # bytes of the first pending frame that are in the file
        self._mark: bytes | None = None  # the newest, which waits behind all that is pending
        self._unkept = 0  # the newest n that was too much to keep until its sync
        self._blobs: list[str] = []  # not yet synced
        self._unwritable: OSError | None = None
        self._unsyncable: OSError | None = None
        self._speed = speed.Speed()
        self._executor: ThreadPoolExecutor | None = None
        self._job: Job | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._sync_upto = 0  # somebody wants all up to this n synced
        self._closed = False

    @classmethod
    def create(cls, spool: Spool, header: Header) -> "Journal":
        """Lock, ack file and header stand before the journal appears under its name. On a disk
        that is full just now the header waits, in front of all else.

        Raises JournalUnwritable when the spool takes no files; then nothing is left behind.
        """
        asyncio.get_running_loop()  # first: without one there is nothing to clean up
        with beginning(spool, header.holder):
            return cls._born(spool, header)

    @classmethod
    def _born(cls, spool: Spool, header: Header) -> "Journal":
        path = spool.journal(header.holder)
        with ExitStack() as undo:
            ack = spool.ack(header.holder)
            undo.callback(ack.close)
            journal = cls(spool, spool.env.create(f"{path}.new"), header, ack)
            undo.callback(journal.close, "")
            journal._put((0, frames.encode_header(header)))
            spool.env.rename(f"{path}.new", path)
            undo.pop_all()
        return journal

    def bind(self, header: Header) -> None:
        """The session was taken: `header` names it. The keeper learns it from the file."""
        self.header = header
        session_id, term = header.session_id, header.term
        assert session_id is not None and term is not None  # noqa: S101, PT018 - it was taken
        frame = self._frame(BOUND, header.base or 0, "", 0, session_id.bytes)
        self._put((self.appended, encode_frame(frame, extra=term)))

    @property
    def degraded(self) -> str | None:
        """What stands in the way of `written` or `synced`, in words, until it is cured."""
        return trouble.words_of(self._unwritable, self._unsyncable)

    @property
    def trouble(self) -> Trouble:
        """The same for the ack file."""
        return trouble.code_of(self._unwritable, self._unsyncable)

    @property
    def disk_failed(self) -> bool:
        """For ever."""
        return self._parts.has_failed

    @property
    def is_sync_refused(self) -> bool:
        """The newest sync failed, and none is under way."""
        return self.disk_failed or bool(
            self._unsyncable and not self._job and self._sync_upto <= self.synced
        )

    def append(
        self, kind: str, payload: bytes, *, flags: int = 0, blobs: Sequence[str] = ()
    ) -> int:
        """Add an entry and return its n. Never waits. `blobs` are the parts that it refers to: it
        counts as synced only with them.

        Raises JournalUnwritable when it is closed, or the disk has taken nothing for
        PENDING_BYTES_MAX and still takes nothing; then `skip` its n.
        """
        if self._closed or (self._pending.size > PENDING_BYTES_MAX and not self._make_room()):
            raise JournalUnwritable(self.degraded or "the journal is closed")
        self._blobs += () if self.disk_failed else blobs
        frame = self._frame(ENTRY, self.appended + 1, kind, flags, payload)
        if not self._group.has_room(payload):
            self._end_group()
        self._line_up_mark()
        self.appended = frame.n
        if self._group.depth:
            self._group.add(frame)
            self.put_us = self._env.boot_us()
        else:
            self._put((frame.n, encode_frame(frame)))
            self.ack.append(frame.n)
        return frame.n

    def together(self) -> AbstractContextManager[None]:
        """What is appended within is written at its end, and read as a whole or not at all, as
        long as it is no more than one group may be. Nothing may be awaited within."""
        return self._group.begun(self._end_together)

    def _end_together(self) -> None:
        self._end_group()
        self._put_mark()
        self._work()

    def _end_group(self) -> None:
        if records := self._group.take():
            self._put(*records)
            self.ack.append(records[-1][0])

    def _line_up_mark(self) -> None:
        """The mark that waits is not of what comes now."""
        if self._mark and not self._group:
            self._pending.add((self.appended, self._mark))
            self._mark = None

    def skip(self) -> int:
        """The n of an entry that could not be recorded: the file does not have it."""
        self._end_group()
        is_whole = self.written == self.appended
        self.appended += 1
        self.ack.append(self.appended)
        if is_whole:
            self.written = self.appended
        elif not self._closed:
            self._pending.skip(self.appended)
        return self.appended

    def mark(self, payload: bytes) -> None:
        """Replace what is in flight. It is never owed, and waits in its place: behind the entries
        that wait, instead of a mark that waits there."""
        if not self._closed:
            self._mark = encode_frame(self._frame(MARK, self.appended, "", 0, payload))
            self._put_mark()

    def _put_mark(self) -> None:
        """The mark that waits, if nothing waits in front of it."""
        if not (self._pending or self._group) and (frame := self._mark):
            self._mark = None
            self._put((self.appended, frame))

    def sync(self) -> None:
        """Begin to make all entries survive power loss; `synced` tells when they do. What waits
        for room is synced once it is written; a sync that failed has to be asked for again."""
        self._sync_upto = self.appended
        self._work()

    def close(self, cause: str) -> None:
        """Leave the holder's last word, close, and give up the lock: the holder is gone.

        What no disk took until now is let go, and its number logged: all behind `written`.
        """
        if self._closed:
            return
        self._end_group()
        self._closed = True  # first: a job that is finished now must not begin another
        if self._retry:
            self._retry.cancel()
        if self._job:
            self._finish(self._job)
        self._line_up_mark()
        last_word = encode_frame(self._frame(CLOSED, self.appended, cause, 0, b""))
        self._pending.add((self.appended, last_word))
        self._flush()
        if self._pending and self.written < self.appended:
            count = self.appended - self.written
            log.error("journal closed, %d entries lost: %s", count, self.degraded)
        self._pending.clear()
        if self._executor:
            self._executor.shutdown()
        with contextlib.suppress(OSError):  # it was written, or its error was told
            self._file.close()
        self._env.unlock(self._spool.lock(self.header.holder))

    def _frame(self, type_: int, n: int, kind: str, flags: int, payload: bytes) -> Frame:
        now_us = max(self._env.now_us(), 0)  # a clock before 1970 is no clock
        return Frame(type_, n, now_us, kind, flags, payload)

    def _put(self, *records: tuple[int, bytes]) -> None:
        """In one write, if it can be."""
        began_us = self.put_us = self._env.boot_us()
        if self._speed.is_slow or self._pending.all:
            self._pending.add(*records)
            self._try()
            return
        data = b"".join([frame for _, frame in records])
        try:
            done = self._file.write(data)
        except OSError:
            done = 0  # the next try says why
        if done == len(data):
            self.written = records[-1][0]
            for record in records:
                self._keep(*record)
        else:
            self._pending.add(*records)
            self._advance(done)
            self._flush()
        self.put_us = self._env.boot_us()
        if self.put_us - began_us > speed.SLOW_WRITE_US:
            self._speed.slow_down()

    def _make_room(self) -> bool:
        self._try()
        return len(self._pending) <= PENDING_BYTES_MAX

    def _try(self) -> None:
        """Write what waits: here, or in the thread."""
        if self._speed.is_slow:
            self._work()
            return
        began_us = self._env.boot_us()
        self._flush()
        if self._env.boot_us() - began_us > speed.SLOW_WRITE_US:
            self._speed.slow_down()

    def _flush(self) -> None:
        while self._pending:
            data = b"".join(frame for _, frame in self._pending.first(PIECE_BYTES))
            done, error = write(self._file, data[self._torn :])
            self._advance(done)
            if error:
                self._stop(error)
                return
        self._is_well()
        self._put_mark()
        self._work()

    def _advance(self, done: int) -> None:
        """So many bytes more of what waits are in the file."""
        self._torn += done
        while self._pending and self._torn >= self._pending.first_bytes:
            n, frame = self._pending.pop()
            self._torn -= len(frame)
            self.written = max(self.written, n)
            self._keep(n, frame)

    def _keep(self, n: int, frame: bytes) -> None:
        """In memory until it is synced. What has no n, the next file's header says."""
        if not n:
            return
        if self._unsynced.size > 4 * UNSYNCED_BYTES_MAX or self.disk_failed:
            self._unkept = n
            return
        self._unsynced.add((n, frame))
        if self._unsynced.size > UNSYNCED_BYTES_MAX and not (self._job or self._unsyncable):
            self.sync()

    def _stop(self, error: OSError) -> None:
        """What could not be written now is tried again."""
        is_news = self._unwritable is None or self._unwritable.errno != error.errno
        self._unwritable = error
        if not self._retry and not self._closed:
            self._retry = self._loop.call_later(RETRY_S, self._try_again)
        if is_news:
            self.on_change()

    def _try_again(self) -> None:
        self._retry = None
        self._try()
        self._work()

    def _is_well(self) -> None:
        if self._unwritable:
            self._unwritable = None
            self.on_change()

    def _work(self) -> None:
        """Give the thread what is to be written and synced, one job at a time."""
        writes = self._speed.is_slow and bool(self._pending)
        syncs = self.synced < min(self._sync_upto, self.written) and not self.disk_failed
        if self._job or self._closed or not (writes or syncs):
            return
        records = self._pending.first(JOB_BYTES) if writes else []
        data = b"".join(frame for _, frame in records)[self._torn if writes else 0 :]
        kept = (frame for _, frame in (*self._unsynced, *records))
        again = list(kept) if self._unkept <= self.synced else None
        blobs, self._blobs = self._blobs, []
        upto = records[-1][0] if records else self.written
        self._executor = self._executor or ThreadPoolExecutor(1, "journal")
        try:
            future = self._executor.submit(self._parts.work, self.header, data, blobs, again)
        except RuntimeError:  # no more threads: the timer tries again
            self._blobs, self._executor = blobs, None
            self._stop(OSError(errno.EAGAIN, "no more threads"))
        else:
            job = self._job = Job(upto, len(data), blobs, future)
            future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._finish, job))

    def _finish(self, job: "Job") -> None:
        if self._job is not job:
            return  # `close` was quicker than the loop
        self._job = None
        done = job.future.result()
        self._advance(done.size)
        if done.synced is None:
            self._blobs = job.blobs + self._blobs
        else:
            self._take(job, done.synced)
        if done.error:
            self._stop(done.error)
            return  # the timer tries again
        if job.size:
            self._speed.there(done.took_us)
        if not self._pending:
            self._is_well()
        self._put_mark()
        self._try()  # what came meanwhile

    def _take(self, job: "Job", synced: Synced) -> None:
        """What became of a sync."""
        self._unsyncable = synced.error
        if synced.error:
            self._sync_upto = 0
            self._blobs = job.blobs + self._blobs
            if synced.is_final:
                self._parts.has_failed = True
                self._unsynced.clear()
        else:
            self.synced = max(self.synced, job.upto)
            self._unsynced.drop(job.upto)
            if self._unsynced.size > UNSYNCED_BYTES_MAX:
                self._sync_upto = self.appended  # as much came meanwhile
            if synced.file:
                self._go_on_in(synced.file)
        self.on_change()

    def _go_on_in(self, file: File) -> None:
        """What went to the file before while this one was made is written here, too."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._file, self._torn = file, 0
        self._pending.drop(0)  # its header is there
        self._pending.add_first(self._unsynced.behind(self.synced))
        self._unsynced.clear()
        log.warning("journal: fsync failed; it goes on in another file")
        if not self._speed.is_slow:
            self._flush()
