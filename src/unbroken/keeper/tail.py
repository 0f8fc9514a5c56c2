"""The tail of one journal, as its keeper ships it: what comes next, and what was answered.

Apart from each other are kept: what was shipped (it is in the log or in the side lane, and is not
sent again), and what stands in the log with its blobs. Only the latter is acknowledged.
"""

import logging
from uuid import UUID

from unbroken.archive.port import BATCH_BYTES_MAX, Batch, BatchAnswer, Taken
from unbroken.errors import CallTaken, UnbrokenError
from unbroken.journal import PartsReader
from unbroken.journal.ack import DEGRADED, ENDED, FENCED, WORDS, Ack
from unbroken.journal.spool import Spool
from unbroken.keeper.backlog import Backlog
from unbroken.keeper.batching import Batching
from unbroken.keeper.blobs import BlobLane
from unbroken.keeper.claim import Claim
from unbroken.keeper.freeze import Writer
from unbroken.keeper.health import FAILING, Health
from unbroken.keeper.nameless import header_of
from unbroken.keeper.standing import Standing
from unbroken.keeper.words import KeptWords
from unbroken.log.cause import CRASHED, REFUSED

log = logging.getLogger(__name__)

CONFIRM_US = 1_000_000  # an empty batch at least this often while the holder lives
RESHIP_US = 600_000_000  # a journal is kept this long: a restored store may ask for it again


class Tail:
    """Counts in n, the holder's own numbers; the store counts `base + n`."""

    def __init__(
        self,
        spool: Spool,
        parts: PartsReader,
        blobs: BlobLane,
        *,
        host_id: UUID,
        reship_us: int | None = None,
    ) -> None:
        """`reship_us`: how long it is kept behind its end; None: RESHIP_US."""
        env, holder = spool.env, parts.holder
        self._reship_us = RESHIP_US if reship_us is None else reship_us
        self._env = env
        self.header = parts.header or header_of(holder, host_id)
        self._bell = spool.bell(holder)
        self._words = KeptWords(env, spool.ack_file(holder), WORDS)
        self.ack = Ack(self._words)
        self.holder = Writer(env, self.header, self.ack, lock=spool.lock(holder))
        self.session_id = self.header.session_id
        self.term = self.header.term
        self.base = self.header.base or 0
        self.is_over = False  # the store has heard of our end, or ended the session itself
        self.claim = Claim(env, self.header)
        self.health = Health(env, holder, self.ack)
        self._backlog = Backlog(env, parts)
        self._blobs = blobs
        self._standing = Standing(self.ack, self._backlog, blobs, holder)
        self._batching = Batching(self._backlog, self.health, self._standing)
        self._knows_head = False  # until then the store is asked, not told
        self._heard_us = 0  # when the store last answered for us, since boot
        self._over_us = 0
        self._remember()

    @property
    def is_bound(self) -> bool:
        return self.session_id is not None

    @property
    def is_living(self) -> bool:
        return self.holder.is_living

    @property
    def is_failing(self) -> bool:
        """It cannot be shipped now, for reasons of its own: nobody waits for it."""
        return self.health.is_failing or self.claim.pause.failures > FAILING

    @property
    def has_more(self) -> bool:
        """Whether the store has not yet all that is known of this holder."""
        if self.is_over:
            return False
        if not self.is_bound:
            return self._is_wanted
        return not self.is_living or not self._knows_head or bool(self._backlog)

    @property
    def stored(self) -> int:
        """All up to this n is shipped: in the log or the side lane."""
        return self._backlog.stored

    @property
    def degraded(self) -> str | None:
        """What is wrong with this journal, in words."""
        return self.health.words((self.claim.reason,))

    @property
    def _is_wanted(self) -> bool:
        """Whether its session is to be taken for it: else its holder is about to."""
        had = self.claim.granted_term is not None
        return had or bool(self._backlog) or (not self.is_living and self._backlog.is_read)

    def is_earlier(self, other: "Tail") -> bool:
        """Whether this holder had the session, that the other one wants, before it."""
        ids = (self.session_id, self.claim.session_id, self.header.new_session_id)
        return other.claim.session_id in ids and self.order < other.order

    def look(self) -> None:
        """See whether the holder lives: in front of `read_on`, as after its death nothing is
        written any more."""
        self.health.say(self.degraded)
        if self._standing.owed and self.is_bound:
            self._standing.tell(term=self.ack.term)
        if self.is_over:
            self._rest()
        elif not self._backlog.is_read:
            self.holder.look()

    def read_on(self, room: int) -> None:
        """Read what is new, as far as there is room in memory. Raises OSError."""
        said = {"appended": self.ack.appended, "hung_up": self.ack.hung_up}
        said |= {"taken_back": self.ack.taken_back}
        self._backlog.fill(is_living=self.is_living, room=room, **said)
        bound, self._backlog.binding = self._backlog.binding, None
        if bound and not self.is_bound and self.claim.granted_term is None:
            self.session_id, self.term, self.base = bound.session_id, bound.term, bound.base
        if self._backlog.last_word == REFUSED and not self._backlog.read:
            self._end(self._env.boot_us())
        if self._backlog.is_read:
            self._rest()

    def is_due(self, now_us: int) -> bool:
        """Whether there is something to say: news, an end, or the hourglass of `CONFIRM_US`."""
        is_silent = now_us - self._heard_us >= CONFIRM_US
        if self.is_over or not self.health.may_ask(now_us):
            return False
        if not self.is_bound:
            return self._is_wanted and self.claim.is_due(now_us)
        if not self.health.may_send(now_us):
            return is_silent
        return (
            is_silent or self._is_final() or (self._knows_head and self._batching.has_next(now_us))
        )

    def batch(self, now_us: int, *, bytes_max: int = BATCH_BYTES_MAX) -> Batch:
        """The next entries, as many as fit but at least one, and what is in flight."""
        assert self.session_id is not None  # noqa: S101 - the keeper binds first
        may_send = self._knows_head and self.health.may_send(now_us)
        taken = self._batching.entries(now_us, bytes_max) if may_send else []
        is_all = len(taken) == len(self._backlog)
        is_final = is_all and self._is_final() and (self._knows_head or not self._backlog.read)
        upto, first = self.stored + len(taken), self.base + self.stored + 1
        if is_final and not taken and (last := self._batching.last(upto)):
            # Once more, and a store that went back meanwhile answers `gap`: no successor yet.
            taken, first = [last], first - 1
        return Batch(
            session_id=self.session_id,
            term=self.term or 0,
            holder=self.header.holder,
            first=first,
            entries=tuple(taken),
            mark=self._batching.mark(now_us, upto, base=self.base, is_final=is_final),
            final=self._cause() if is_final else None,
            degraded=self.degraded,
        )

    def hear(self, batch: Batch, answer: BatchAnswer, now_us: int) -> None:
        """Take the store's answer to `batch`, and wake a holder that waits for it."""
        self._take(batch, answer, now_us)
        if batch.entries and self.ack.wanted >= batch.first - self.base:
            self._env.ring(self._bell)

    def _take(self, batch: Batch, answer: BatchAnswer, now_us: int) -> None:
        self._heard_us = now_us
        self.health.recover(batch, is_all=len(batch.entries) == len(self._backlog))
        match answer.outcome:
            case "acked":
                self.claim.pause.clear()
                self._acked(batch, max(answer.seq - self.base, 0), now_us)
            case "gap":
                self._go_back(max(answer.seq - self.base, 0))
                self._knows_head = True
            case "fenced" | "ended":
                flag = FENCED if answer.outcome == "fenced" else ENDED
                self._deposed(batch, max(answer.seq - self.base, 0), flag, now_us)
            case "unknown":
                self._forget_session()
            case "refused":
                self._isolate(batch, answer)
            case "retry":
                self._knows_head = False

    def bind(self, taken: Taken) -> None:
        """The session is known: what the holder counted from 1 begins behind `base`."""
        self.session_id, self.term, self.base = taken.session_id, taken.term, taken.base
        self.claim.reason = self._standing.end_n = None
        self.ack.confirm(acked=self.ack.acked, term=taken.term, boot_us=self.ack.confirmed_us)
        self.ack.bind(taken.session_id, base=taken.base)

    def refuse(self, error: CallTaken) -> None:
        """Another holder has the session: ours stops, and what it wrote goes to the side lane of
        that session, for ever: a keeper that comes later reads the decision in the ack file."""
        self._heard_us = self._env.boot_us()
        self.claim.refuse(error)
        if error.session_id is not None:
            self.session_id, self.term, self.base = error.session_id, 0, 0
            self._standing.tell(term=0)
            self.ack.bind(error.session_id, base=0)
        self.ack.flag(FENCED)
        log.warning("session taken by another", extra={"holder": str(self.header.holder)})
        if not self._backlog.read and not self.is_living:
            self._end(self._env.boot_us())

    def fail(self) -> None:
        """The archive did not answer: everything in the batch will be sent again."""
        self.ack.flag(self.ack.flags | DEGRADED)

    def fail_alone(self, batch: Batch, error: UnbrokenError) -> None:
        """The archive answers others: ours are refused. Narrow down, and pause."""
        if self.health.fail(batch, error):
            self._backlog.name_lost(0, "too_large")

    def ask_again(self) -> None:
        """Another store answers: what was confirmed may not be there."""
        self._knows_head = self.is_over = False
        self._heard_us = 0
        self._standing.owed.forget()

    def is_done(self, now_us: int) -> bool:
        """All is stored, the holder is gone and its end known, long enough ago."""
        is_old = now_us - self._over_us >= self._reship_us
        return self.is_over and is_old and not (self._backlog or self._standing.owed)

    def skip_bad_blocks(self) -> None:
        """What the disk does not read is lost, from now on."""
        self._backlog.skip_bad_blocks()

    def close(self) -> None:
        self._backlog.close()
        self._blobs.forget(self.header.holder)
        self.ack.close()

    def _remember(self) -> None:
        """What an earlier keeper decided and learned stands in the ack file."""
        if self.ack.session_id is None:
            return
        if self.ack.flags & FENCED and not self.ack.term:
            self.session_id, self.term, self.base = self.ack.session_id, 0, 0
        else:  # the same term is granted again, with its base
            self.claim.forget(self.ack.session_id, self.ack.term, self.ack.base)
            self.session_id = None

    @property
    def order(self) -> tuple[int, int]:
        """Smaller for an earlier holder of a session."""
        return self.term or self.claim.granted_term or 1 << 62, self.header.started_at_us

    # What was answered.

    def _acked(self, batch: Batch, head: int, now_us: int) -> None:
        self._standing.end_n = None
        is_whole = head >= self._backlog.read
        self._arrive(batch, head)
        self._standing.confirm(term=batch.term, boot_us=now_us)
        self.ack.flag(self.health.flag)
        self._batching.forget_mark(batch)
        if batch.final is not None and is_whole:
            self._end(now_us)

    def _deposed(self, batch: Batch, end: int, flag: int, now_us: int) -> None:
        """Our part of the log ends at `end`: what is behind it went to the side lane."""
        self._standing.end_n = end
        self._arrive(batch, end, is_end=True)
        self._standing.tell(term=batch.term)
        self.ack.flag(flag)
        if not self._backlog and self._backlog.is_read:
            self._end(now_us)

    def _arrive(self, batch: Batch, head: int, *, is_end: bool = False) -> None:
        """The store has all up to `head`, and what was sent."""
        sent = batch.first - self.base - 1 + len(batch.entries)
        if head < self.ack.acked or (not is_end and head < sent and self._knows_head):
            self._go_back(head)
        elif not self._knows_head and not batch.entries:
            # What no keeper confirmed is sent again: it may have gone ahead of its blobs.
            self._place(min(head, self.ack.acked))
        else:
            self._backlog.drop(sent)
        self._knows_head = True

    def _go_back(self, head: int) -> None:
        """The store has less than we believed; what it confirmed, too, is sent again."""
        if head < self.ack.acked:
            log.warning(
                "the store went back from %s to %s", self.ack.acked, head,
                extra={"session_id": str(self.session_id), "holder": str(self.header.holder)},
            )  # fmt: skip
            self._blobs.forget(self.header.holder)
        self._place(head)
        self._standing.tell(term=self.ack.term)

    def _place(self, upto: int) -> None:
        if upto >= self.stored:
            self._backlog.drop(upto)
            return
        self._standing.owed.forget()
        self._backlog.rewind(upto)

    def _forget_session(self) -> None:
        """The store does not know it, or our term of it: it went back. It is taken again."""
        assert self.session_id is not None  # noqa: S101 - it was asked about
        log.warning("the store does not know session %s", self.session_id)
        self.claim.forget(self.session_id, self.term or 0, self.base)
        self.session_id, self._knows_head, self._standing.end_n = None, False, None
        self._blobs.forget(self.header.holder)
        self._place(0)
        self._standing.tell(term=self.ack.term)

    def _isolate(self, batch: Batch, answer: BatchAnswer) -> None:
        """One bad entry must not block those behind it: narrow down to it, then name it lost."""
        if batch.mark is not None:
            self._batching.forget_mark(batch)  # a mark is never owed: perhaps it was that
        elif not self.health.narrow(len(batch.entries)):
            self.health.pause.fail()
            if batch.entries:
                self._backlog.name_lost(0, answer.code or "refused")

    def _rest(self) -> None:
        """Nothing is open for what is over, or dead and read to its end: many may wait for the
        store. It is opened again if the store went back."""
        self._backlog.rest()
        if not self._standing.owed:
            self._words.rest()

    def _is_final(self) -> bool:
        return self._backlog.is_read and not self.is_over

    def _cause(self) -> str:
        return self._backlog.last_word or self.holder.killed_for or CRASHED

    def _end(self, now_us: int) -> None:
        self.is_over = True
        self._over_us = self._over_us or now_us
