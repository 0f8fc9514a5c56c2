"""The tail of one journal, as its keeper sees it: what is read, what is stored, what comes next."""

from collections import deque
from uuid import UUID

from unbroken import apart, entries
from unbroken.ack import DEGRADED, ENDED, FENCED
from unbroken.archive import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    PAYLOAD_BYTES_MAX,
    Answer,
    Batch,
    Taken,
    WireEntry,
    WireMark,
)
from unbroken.cause import CRASHED, FROZEN, REFUSED
from unbroken.entries import Lost
from unbroken.frames import BOUND, CLOSED, ENTRY, MARK, Frame
from unbroken.journal import JournalReader
from unbroken.spool import Spool

QUEUE_ENTRIES_MAX = 4 * BATCH_ENTRIES_MAX  # read ahead no further than a few batches
QUEUE_BYTES_MAX = 4 * BATCH_BYTES_MAX
CONFIRM_US = 1_000_000  # an empty batch at least this often while the holder lives
RESHIP_US = 600_000_000  # a journal is kept this long: a restored store may ask for it again
MARK_US = 1_000_000  # a mark goes to the store at most this often, and once at the end


ID_BYTES = 16
FREEZE_US = 3_000_000  # a stopped process
BUSY_US = 10_000_000  # a loop that is busy: a synchronous tool must not cost an agent its life
GAP_US = 1_000_000  # between two looks: the keeper itself, or the whole host, was asleep


class Pulse:
    """How long a beat has stood still, counted only while somebody really watched."""

    def __init__(self) -> None:
        self._beat = -1
        self._since_us = 0
        self._looked_us = 0

    def still_us(self, beat: int, now_us: int) -> int:
        if beat != self._beat or now_us - self._looked_us > GAP_US:
            self._beat, self._since_us = beat, now_us
        self._looked_us = now_us
        return now_us - self._since_us


class Tail:
    """Counts in n, the holder's own numbers; the store counts `base + n`."""

    def __init__(self, spool: Spool, holder: UUID) -> None:
        """Raises FileNotFoundError, JournalUnreadable."""
        self._env, self._spool = spool.env, spool
        self._reader = JournalReader(self._env, spool.journal(holder))
        self.header = self._reader.header
        self.ack = spool.ack(holder)
        self.session_id = self.header.session_id
        self.term = self.header.term
        self.base = self.header.base or 0
        self.stored = 0  # all up to this n is in the log or the side lane
        self.read = 0  # the n of the newest entry read
        self.is_living = True
        self.is_over = False  # the store has heard of our end, or ended the session itself
        self._queue: deque[tuple[int, WireEntry]] = deque()
        self._queued_bytes = 0
        self._mark: Frame | None = None
        self._mark_sent_us = 0
        self._knows_head = False  # until then the store is asked, not told
        self._last_word: str | None = None
        self._pulse = Pulse()
        self._killed_for: str | None = None
        self._heard_us = 0  # when the store last answered for us, since boot
        self._over_us = 0
        self._batch_max = BATCH_ENTRIES_MAX

    @property
    def is_bound(self) -> bool:
        return self.session_id is not None

    def look(self) -> None:
        """See whether the holder lives, and read on."""
        if self.is_over:
            return
        was_living = self.is_living
        self.is_living = self._env.is_locked(self._spool.lock(self.header.holder))
        while not self._is_full:
            # After the death was seen once more: what was written just before it must be read.
            frames = self._reader.read(is_living=self.is_living or was_living)
            for frame in frames:
                self._keep(frame)
            if not frames:
                break
        if self._last_word == REFUSED and not self.read:
            self._end(self._env.boot_us())

    def kill_if_frozen(self, now_us: int) -> bool:
        """Kill a holder whose loop stands still: a thawed agent would speak beside its successor.

        Called as often as the keeper looks; a gap in these calls restarts all counting.
        """
        pid = self.header.pid
        if not self.is_living or not self.ack.is_ready:
            return False
        still_us = self._pulse.still_us(self.ack.beats[0], now_us)
        if still_us < FREEZE_US or (still_us < BUSY_US and not self._env.is_stopped(pid)):
            return False
        return self.kill(FROZEN)

    def kill(self, cause: str) -> bool:
        """Kill the holder's process, if that is still the one that wrote the header."""
        header = self.header
        if header.pid == self._env.pid() or self._env.started(header.pid) != header.pid_start:
            return False
        self._killed_for = cause
        self._env.kill(header.pid)
        return True

    def _keep(self, frame: Frame) -> None:
        if frame.type == ENTRY and frame.n > self.read:
            self._fill(frame.n)
            self.read = frame.n
            if frame.n > self.stored:
                self._enqueue(frame.n, _wire(frame))
        elif frame.type == MARK:
            self._mark = frame
        elif frame.type == BOUND and not self.is_bound and len(frame.payload) == ID_BYTES:
            self.session_id, self.term = UUID(bytes=frame.payload), frame.extra
            self.base = frame.n
        elif frame.type == CLOSED:
            self._last_word = frame.kind

    def _fill(self, n: int) -> None:
        """Entries between that cannot be read are named in the log: it must have no gap."""
        for missing in range(self.read + 1, n):
            if missing > self.stored:
                self._enqueue(missing, _lost("unreadable", self._env.now_us()))

    def _enqueue(self, n: int, entry: WireEntry) -> None:
        self._queue.append((n, entry))
        self._queued_bytes += len(entry.payload)

    def is_due(self, now_us: int) -> bool:
        """Whether there is something to say: news, an end, or the hourglass of `CONFIRM_US`."""
        is_silent = now_us - self._heard_us >= CONFIRM_US
        if self.is_over:
            return False
        if not self.is_bound:  # its holder is about to take the session, or could not
            return is_silent and (bool(self._queue) or not self.is_living)
        return bool(self._queue) or self._is_final() or is_silent

    def batch(self, now_us: int, *, bytes_max: int = BATCH_BYTES_MAX) -> Batch:
        """The next entries, as many as fit but at least one, and what is in flight."""
        assert self.session_id is not None  # noqa: S101 - the keeper binds first
        taken: list[WireEntry] = []
        size = 0
        for n, entry in self._queue if self._knows_head else ():
            size += len(entry.payload)
            if n != self.stored + 1 + len(taken) or len(taken) == self._batch_max:
                break
            if taken and size > min(bytes_max, BATCH_BYTES_MAX):
                break
            taken.append(entry)
        is_all = len(taken) == len(self._queue)
        final = self._cause() if is_all and self._is_final() and not self.is_over else None
        return Batch(
            session_id=self.session_id,
            term=self.term or 0,
            holder=self.header.holder,
            first=self.base + self.stored + 1,
            entries=tuple(taken),
            mark=self._due_mark(now_us, self.stored + len(taken), is_final=final is not None),
            final=final,
        )

    def blobs(self, batch: Batch) -> list[str]:
        """What must be in the archive before `batch` may be."""
        named = [apart.references(e.payload) for e in batch.entries if e.flags & entries.BLOBS]
        return [name for names in named for name in names]

    def lose(self, batch: Batch, cause: str) -> None:
        """A blob of the batch is gone: its entries are named lost, the others stay."""
        for at, (n, entry) in enumerate(self._queue):
            if n <= self.stored + len(batch.entries) and entry.flags & entries.BLOBS:
                self._name_lost(at, cause)

    def _is_final(self) -> bool:
        return not self.is_living and not self._is_full and not self.is_over

    @property
    def _is_full(self) -> bool:
        """Enough is read ahead; there may be more in the file."""
        return len(self._queue) >= QUEUE_ENTRIES_MAX or self._queued_bytes >= QUEUE_BYTES_MAX

    def _cause(self) -> str:
        return self._last_word or self._killed_for or CRASHED

    def _due_mark(self, now_us: int, upto: int, *, is_final: bool) -> WireMark | None:
        """The mark, unless it is ahead of entry `upto`: the store would not take it yet."""
        is_due = is_final or now_us - self._mark_sent_us >= MARK_US
        if self._mark is None or self._mark.n > upto or not is_due:
            return None
        self._mark_sent_us = now_us
        mark = self._mark
        return WireMark(self.base + mark.n, mark.at_us, mark.payload)

    def hear(self, batch: Batch, answer: Answer, now_us: int) -> None:
        """Take the store's answer to `batch`."""
        self._heard_us = now_us
        self._knows_head = answer.outcome != "retry"
        sent = self.stored + len(batch.entries)
        match answer.outcome:
            case "acked":
                self._store(max(answer.seq - self.base, 0) if not batch.entries else sent)
                self._batch_max = BATCH_ENTRIES_MAX
                self.ack.confirm(acked=self.stored, term=batch.term, boot_us=now_us)
                self.ack.flag(0)
                self._forget_mark(batch)
                if batch.final is not None:
                    self._end(now_us)
            case "gap":
                self._rewind(answer.seq - self.base)
            case "fenced" | "ended":
                self._store(sent)
                self.ack.confirm(acked=self.stored, term=batch.term, boot_us=self.ack.confirmed_us)
                self.ack.flag(FENCED if answer.outcome == "fenced" else ENDED)
                if not self._queue and not self.is_living:
                    self._end(now_us)
            case "unknown":
                self.session_id, self._knows_head = None, False  # taken again on its behalf
            case "refused":
                self._isolate(batch, answer)
            case "retry":
                pass

    def _forget_mark(self, batch: Batch) -> None:
        if batch.mark and self._mark and batch.mark.at_us == self._mark.at_us:
            self._mark = None

    def refuse(self, now_us: int) -> None:
        """Another holder has the session: ours stops; what it wrote is kept and offered again."""
        self._heard_us = now_us
        self.ack.flag(FENCED)
        if not self.read and not self.is_living:
            self._end(now_us)

    def _isolate(self, batch: Batch, answer: Answer) -> None:
        """One bad entry must not block those behind it: narrow down to it, then name it lost."""
        if len(batch.entries) != 1:
            self._batch_max = max(1, len(batch.entries) // 2)
            return
        self._name_lost(0, answer.code or "refused")

    def _name_lost(self, at: int, cause: str) -> None:
        n, entry = self._queue[at]
        lost = _lost(cause, entry.at_us, kind=entry.kind)
        self._queued_bytes += len(lost.payload) - len(entry.payload)
        self._queue[at] = (n, lost)

    def _store(self, n: int) -> None:
        self.stored = max(self.stored, n)
        while self._queue and self._queue[0][0] <= self.stored:
            _, entry = self._queue.popleft()
            self._queued_bytes -= len(entry.payload)

    def _rewind(self, n: int) -> None:
        """Go on behind `n`: read again from the front if it is no longer in memory."""
        self.stored = max(n, 0)
        if not self._queue or self._queue[0][0] != self.stored + 1:
            self._queue.clear()
            self._queued_bytes = 0
            self._reader.rewind()
            self.read = 0

    def _end(self, now_us: int) -> None:
        self.is_over = True
        self._over_us = now_us

    def fail(self) -> None:
        """The store did not answer: everything in the batch will be sent again."""
        self.ack.flag(self.ack.flags | DEGRADED)

    def bind(self, taken: Taken) -> None:
        """The session is known: what the holder counted from 1 begins behind `base`."""
        self.session_id, self.term, self.base = taken.session_id, taken.term, taken.base
        self.ack.bind(taken.session_id, base=taken.base)

    def is_done(self, now_us: int) -> bool:
        """All is stored, the holder is gone and its end known, long enough ago."""
        return self.is_over and not self._queue and now_us - self._over_us >= RESHIP_US

    def close(self) -> None:
        self._reader.close()
        self.ack.close()


def _wire(frame: Frame) -> WireEntry:
    if len(frame.payload) > PAYLOAD_BYTES_MAX:
        return _lost("too_large", frame.at_us, kind=frame.kind)
    return WireEntry(frame.kind, frame.at_us, frame.flags, frame.payload)


def _lost(cause: str, at_us: int, *, kind: str | None = None) -> WireEntry:
    payload, flags = entries.encode(Lost(cause=cause, kind=kind))
    return WireEntry("lost", at_us, flags, payload)
