"""The tail of one journal, as its keeper ships it: what comes next, and what was answered."""

from uuid import UUID

from unbroken import apart, entries
from unbroken.ack import DEGRADED, ENDED, FENCED
from unbroken.archive import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    Answer,
    Batch,
    Taken,
    WireEntry,
    WireMark,
)
from unbroken.cause import CRASHED, REFUSED
from unbroken.journal import JournalReader
from unbroken.keeper.backlog import Backlog
from unbroken.keeper.freeze import Holder
from unbroken.spool import Spool

CONFIRM_US = 1_000_000  # an empty batch at least this often while the holder lives
RESHIP_US = 600_000_000  # a journal is kept this long: a restored store may ask for it again
MARK_US = 1_000_000  # a mark goes to the store at most this often, and once at the end


class Tail:
    """Counts in n, the holder's own numbers; the store counts `base + n`."""

    def __init__(self, spool: Spool, holder: UUID) -> None:
        """Raises FileNotFoundError, JournalUnreadable."""
        env = spool.env
        self._env = env
        reader = JournalReader(env, spool.journal(holder))
        self.header = reader.header
        self.ack = spool.ack(holder)
        self.holder = Holder(env, self.header, self.ack, lock=spool.lock(holder))
        self.session_id = self.header.session_id
        self.term = self.header.term
        self.base = self.header.base or 0
        self.is_over = False  # the store has heard of our end, or ended the session itself
        self._backlog = Backlog(env, reader)
        self._mark_sent_us = 0
        self._knows_head = False  # until then the store is asked, not told
        self._heard_us = 0  # when the store last answered for us, since boot
        self._over_us = 0
        self._batch_max = BATCH_ENTRIES_MAX

    @property
    def is_bound(self) -> bool:
        return self.session_id is not None

    @property
    def is_living(self) -> bool:
        return self.holder.is_living

    @property
    def stored(self) -> int:
        """All up to this n is in the log or the side lane."""
        return self._backlog.stored

    def look(self) -> None:
        """See whether the holder lives, and read on."""
        if self.is_over:
            return
        was_living = self.is_living
        self.holder.look()
        # After the death was seen once more: what was written just before it must be read.
        self._backlog.fill(is_living=self.is_living or was_living)
        bound, self._backlog.binding = self._backlog.binding, None
        if bound and not self.is_bound:
            self.session_id, self.term, self.base = bound.session_id, bound.term, bound.base
        if self._backlog.last_word == REFUSED and not self._backlog.read:
            self._end(self._env.boot_us())

    def is_due(self, now_us: int) -> bool:
        """Whether there is something to say: news, an end, or the hourglass of `CONFIRM_US`."""
        is_silent = now_us - self._heard_us >= CONFIRM_US
        if self.is_over:
            return False
        if not self.is_bound:  # its holder is about to take the session, or could not
            return is_silent and (bool(self._backlog) or not self.is_living)
        return bool(self._backlog) or self._is_final() or is_silent

    def batch(self, now_us: int, *, bytes_max: int = BATCH_BYTES_MAX) -> Batch:
        """The next entries, as many as fit but at least one, and what is in flight."""
        assert self.session_id is not None  # noqa: S101 - the keeper binds first
        taken: list[WireEntry] = []
        size = 0
        for n, entry in self._backlog if self._knows_head else ():
            size += len(entry.payload)
            if n != self.stored + 1 + len(taken) or len(taken) == self._batch_max:
                break
            if taken and size > min(bytes_max, BATCH_BYTES_MAX):
                break
            taken.append(entry)
        is_all = len(taken) == len(self._backlog)
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
        for at, (n, entry) in enumerate(self._backlog):
            if n <= self.stored + len(batch.entries) and entry.flags & entries.BLOBS:
                self._backlog.name_lost(at, cause)

    def hear(self, batch: Batch, answer: Answer, now_us: int) -> None:
        """Take the store's answer to `batch`."""
        self._heard_us = now_us
        self._knows_head = answer.outcome != "retry"
        sent = self.stored + len(batch.entries)
        match answer.outcome:
            case "acked":
                stored = max(answer.seq - self.base, 0) if not batch.entries else sent
                self._backlog.drop(stored)
                self._batch_max = BATCH_ENTRIES_MAX
                self.ack.confirm(acked=self.stored, term=batch.term, boot_us=now_us)
                self.ack.flag(0)
                self._forget_mark(batch)
                if batch.final is not None:
                    self._end(now_us)
            case "gap":
                self._backlog.rewind(answer.seq - self.base)
            case "fenced" | "ended":
                self._backlog.drop(sent)
                self.ack.confirm(acked=self.stored, term=batch.term, boot_us=self.ack.confirmed_us)
                self.ack.flag(FENCED if answer.outcome == "fenced" else ENDED)
                if not self._backlog and not self.is_living:
                    self._end(now_us)
            case "unknown":
                self.session_id, self._knows_head = None, False  # taken again on its behalf
            case "refused":
                self._isolate(batch, answer)
            case "retry":
                pass

    def bind(self, taken: Taken) -> None:
        """The session is known: what the holder counted from 1 begins behind `base`."""
        self.session_id, self.term, self.base = taken.session_id, taken.term, taken.base
        self.ack.bind(taken.session_id, base=taken.base)

    def refuse(self, now_us: int) -> None:
        """Another holder has the session: ours stops; what it wrote is kept and offered again."""
        self._heard_us = now_us
        self.ack.flag(FENCED)
        if not self._backlog.read and not self.is_living:
            self._end(now_us)

    def fail(self) -> None:
        """The store did not answer: everything in the batch will be sent again."""
        self.ack.flag(self.ack.flags | DEGRADED)

    def is_done(self, now_us: int) -> bool:
        """All is stored, the holder is gone and its end known, long enough ago."""
        return self.is_over and not self._backlog and now_us - self._over_us >= RESHIP_US

    def close(self) -> None:
        self._backlog.close()
        self.ack.close()

    def _is_final(self) -> bool:
        return not self.is_living and not self._backlog.is_full and not self.is_over

    def _cause(self) -> str:
        return self._backlog.last_word or self.holder.killed_for or CRASHED

    def _due_mark(self, now_us: int, upto: int, *, is_final: bool) -> WireMark | None:
        """The mark, unless it is ahead of entry `upto`: the store would not take it yet."""
        mark = self._backlog.mark
        is_due = is_final or now_us - self._mark_sent_us >= MARK_US
        if mark is None or mark.n > upto or not is_due:
            return None
        self._mark_sent_us = now_us
        return WireMark(self.base + mark.n, mark.at_us, mark.payload)

    def _forget_mark(self, batch: Batch) -> None:
        mark = self._backlog.mark
        if batch.mark and mark and batch.mark.at_us == mark.at_us:
            self._backlog.mark = None

    def _isolate(self, batch: Batch, answer: Answer) -> None:
        """One bad entry must not block those behind it: narrow down to it, then name it lost."""
        if len(batch.entries) != 1:
            self._batch_max = max(1, len(batch.entries) // 2)
            return
        self._backlog.name_lost(0, answer.code or "refused")

    def _end(self, now_us: int) -> None:
        self.is_over = True
        self._over_us = now_us
