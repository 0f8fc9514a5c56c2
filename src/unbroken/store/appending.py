"""One host batch on its way into the log, what people read, and the ends of holders.

Theory of operation. What is costly, decoding payloads and hashing them, is done before the
transaction. All batches of a host are stored in one step. If that step fails for what is in it,
it is undone and done again by halves, so that what cannot be stored is alone: that one is stored
without what people read of it, and only if even the log does not take it, refused.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from unbroken import names
from unbroken.archive import port as wire
from unbroken.archive.port import Batch, BatchAnswer, HostBatch, WireEntry
from unbroken.errors import InvalidInput
from unbroken.log import large
from unbroken.log.cause import NOBODY_WAITS
from unbroken.log.entries import BLOBS, PAYLOAD_BYTES_MAX
from unbroken.store import calls, messages, sessions
from unbroken.store.projection import (
    Change,
    EndSession,
    HangUp,
    LeaveParticipant,
    PutMessage,
    PutParticipant,
    PutReport,
    PutUser,
    RemoveMessages,
    changes,
)
from unbroken.store.sums import row_sum
from unbroken.store.text import clean
from unbroken.store.transaction import Row, Transaction, Unstorable

TTL_MS_MIN, TTL_MS_MAX = 100, 60_000
SIDE_ENTRIES_MAX = 5_000  # beside one log; what comes when it is full is answered, and not kept
SIDE_BYTES_MAX = 64 << 20
KEPT = ("acked", "fenced", "ended")  # in the log, or beside it

log = logging.getLogger(__name__)

Numbered = list[tuple[int, Change]]


class Appending:
    """Run once, in one transaction."""

    def __init__(self, batch: HostBatch, *, is_live: bool = True) -> None:
        self._batch = batch
        self._ttl_us = check_ttl(batch.ttl_ms) if is_live else 0
        self._refused = {k: why for k, b in enumerate(batch.batches) if (why := refusal(b))}
        accepted = [(k, b) for k, b in enumerate(batch.batches) if k not in self._refused]
        self._rows = {k: _entries(k, b) for k, b in accepted}
        self._parts = {k: _parts(b) for k, b in accepted}
        self._changes = {k: _changes(b) for k, b in accepted}
        self._ahead_us = 0  # our clock, of the host's
        self.degraded: list[tuple[UUID, str | None]] = []  # what changed of it

    def run(self, tx: Transaction) -> list[BatchAnswer]:
        """The answers, in the order of the batches."""
        name, sent_us = clean(self._batch.host_name)[: names.CHARS_MAX], self._batch.at_us
        host = {"host_id": self._batch.host_id, "name": name, "version": None}
        ahead_us = None if sent_us is None else tx.now_us - _time(sent_us)
        row = tx.one("renew_host", **host, ttl=self._ttl_us, ahead=ahead_us)
        self._ahead_us = row["ahead"] if row else 0
        return self._divided(tx, range(len(self._batch.batches)))

    def _divided(self, tx: Transaction, ks: range) -> list[BatchAnswer]:
        if (answers := self._tried(tx, ks)) is not None:
            return answers
        if len(ks) > 1:
            half = len(ks) // 2
            return [*self._divided(tx, ks[:half]), *self._divided(tx, ks[half:])]
        bare = self._tried(tx, ks, is_bare=True)
        return bare or [self._refusal(ks[0], "unstorable")]

    def _tried(
        self, tx: Transaction, ks: range, *, is_bare: bool = False
    ) -> list[BatchAnswer] | None:
        """None: something in it cannot be stored, and nothing of it was."""
        told = len(self.degraded)
        try:
            with tx.savepoint():
                return self._stored(tx, ks, is_bare=is_bare)
        except Unstorable:
            del self.degraded[told:]
            if len(ks) == 1:
                session = str(self._batch.batches[ks[0]].session_id)
                log.exception("batch not stored", extra={"session_id": session, "bare": is_bare})
            return None

    def _stored(self, tx: Transaction, ks: range, *, is_bare: bool) -> list[BatchAnswer]:
        self._stage(tx, ks)
        rows = {row["k"]: row for row in tx.all("append", **_SIDE_BOUNDS)}
        kept = [k for k, row in rows.items() if row["outcome"] in KEPT and self._parts[k]]
        if kept:
            tx.many("put_part", [part for k in kept for part in self._parts[k]])
        has_orders = sessions.has_orders(tx)
        for k, row in sorted(rows.items()):
            if row["outcome"] == "acked":
                self._follow(tx, k, row, is_bare=is_bare)
                self._degrade(tx, self._batch.batches[k], row["degraded"])
            elif row["outcome"] == "fenced":
                self._end_late(tx, k, row["seq"])
        answers = [self._answer(k, rows.get(k)) for k in ks]
        return (
            [self._ordered(tx, k, a) for k, a in zip(ks, answers, strict=True)]
            if (has_orders)
            else answers
        )

    def _stage(self, tx: Transaction, ks: range) -> None:
        accepted = [k for k in ks if k not in self._refused]
        tx.many("put_input", [_input(k, self._batch.batches[k]) for k in accepted])
        tx.many("put_batch", [row for k in accepted for row in self._rows[k]])

    def _follow(self, tx: Transaction, k: int, head: Row, *, is_bare: bool) -> None:
        """What new entries change elsewhere, and the end of the holder."""
        batch, last_seq = self._batch.batches[k], head["last_seq"]
        new = [
            (seq, change)
            for seq, change in self._changes[k]
            if seq > last_seq and (not is_bare or isinstance(change, EndSession | HangUp))
        ]
        if new:
            apply(tx, batch, new, about=head, ahead_us=self._ahead_us)
        if batch.final is not None:
            cause = clean(batch.final)[: names.CHARS_MAX]
            leave(tx, batch.session_id, batch.term, batch.holder, cause)
        elif head["is_lost"]:
            revived = {"session_id": batch.session_id, "term": batch.term, "holder": batch.holder}
            tx.one("revive", **revived)

    def _end_late(self, tx: Transaction, k: int, end_seq: int) -> None:
        """This holder had hung up, and another one took the session before its goodbye came: that
        one leaves, unless a person has talked to it."""
        late = [c for seq, c in self._changes[k] if seq > end_seq and isinstance(c, HangUp)]
        if not late or late[-1].reason is None:
            return
        batch = self._batch.batches[k]
        past = {"term": batch.term, "at": late[-1].at_us + self._ahead_us, "end_seq": end_seq}
        if (now := tx.one("get_successor", session_id=batch.session_id, **past)) is not None:
            reason = late[-1].reason
            end_session(tx, batch.session_id, now["term"], now["holder"], reason)
            tx.one("end_call", call_id=now["call_id"], reason=reason[: names.CHARS_MAX])

    def _degrade(self, tx: Transaction, batch: Batch, before: str | None) -> None:
        words = clean(batch.degraded)[: names.CHARS_MAX] if batch.degraded else None
        if words != before:
            tx.one("set_degraded", session_id=batch.session_id, degraded=words)
            self.degraded.append((batch.session_id, words))

    def _ordered(self, tx: Transaction, k: int, answer: BatchAnswer) -> BatchAnswer:
        """With what its holder is to do now."""
        batch = self._batch.batches[k]
        if answer.outcome != "acked" or batch.final is not None:
            return answer
        orders = sessions.orders(tx, batch.session_id, batch.term)
        return msgspec.structs.replace(answer, orders=orders)

    def _answer(self, k: int, row: Row | None) -> BatchAnswer:
        if row is None:
            return self._refusal(k, self._refused[k])
        session_id = self._batch.batches[k].session_id
        return BatchAnswer(session_id=session_id, outcome=row["outcome"], seq=row["seq"])

    def _refusal(self, k: int, code: str) -> BatchAnswer:
        session_id = self._batch.batches[k].session_id
        return BatchAnswer(session_id=session_id, outcome="refused", seq=0, code=code)


def apply(tx: Transaction, batch: Batch, new: Numbered, *, about: Row, ahead_us: int) -> None:
    """Bring the rows that people read up to the entries just stored, from a host whose clock
    ours is ahead of by `ahead_us`. `about`: call and conversation.

    All changes of a kind are made in one step, whatever their number.
    """
    call_id, conversation_id = about["call_id"], about["conversation_id"]
    changed = [change for _, change in new]
    if lines := [(n, c) for n, c in new if isinstance(c, PutMessage | RemoveMessages)]:
        history = messages.Lines(tx, batch.session_id, conversation_id, ahead_us)
        history.apply(lines)
        if puts := [c for _, c in lines if isinstance(c, PutMessage)]:
            newest_us = history.newest_us or 0
            tx.one("touch_conversation", conversation_id=conversation_id, at=newest_us)
            messages.suggest_title(tx, conversation_id, puts)
    calls.see_people(tx, call_id, _of(changed, PutParticipant, LeaveParticipant))
    calls.name_users(tx, conversation_id, [c.user_id for c in _of(changed, PutUser)])
    for hung_up in _of(changed, HangUp)[-1:]:
        reason = hung_up.reason and hung_up.reason[: names.CHARS_MAX]
        tx.one("set_ending", session_id=batch.session_id, reason=reason)
    for said in _of(changed, PutReport)[-1:]:
        tx.one("put_report", session_id=batch.session_id, term=batch.term, report=said.report)
    for ended in _of(changed, EndSession)[:1]:
        end(tx, call_id, batch, ended.reason)


def _of(changed: Sequence[Change], *kinds: type) -> list[Any]:
    return [change for change in changed if isinstance(change, kinds)]


def leave(tx: Transaction, session_id: UUID, term: int, holder: UUID, cause: str) -> Row | None:
    """The session has lost this holder: it is over if that had hung up, else orphaned. None: it
    has moved on."""
    who = {"session_id": session_id, "term": term, "holder": holder}
    over = tx.one("get_ending", **who)
    if over is None:
        is_waited_for = cause not in NOBODY_WAITS
        left = tx.one("orphan", **who, cause=cause, is_waited_for=is_waited_for)
        if left and left["next_dispatch_at"]:
            tx.wake()
        return left
    end_session(tx, session_id, term, holder, over["ending"])
    tx.one("end_call", call_id=over["call_id"], reason=over["ending"])
    return {"session_id": session_id, "next_dispatch_at": None}


def end(tx: Transaction, call_id: UUID, batch: Batch, reason: str) -> None:
    end_session(tx, batch.session_id, batch.term, batch.holder, reason)
    tx.one("end_call", call_id=call_id, reason=reason[: names.CHARS_MAX])


def end_session(tx: Transaction, session_id: UUID, term: int, holder: UUID, reason: str) -> bool:
    """Close the term; True if this holder's term was the open one."""
    reason = clean(reason)[: names.CHARS_MAX]
    row = tx.one("end_session", session_id=session_id, term=term, holder=holder, reason=reason)
    return row is not None


def refusal(batch: Batch) -> str | None:
    """The code with which this batch alone is refused, or None."""
    if batch.first < 1 or not 0 <= batch.term <= wire.TERM_MAX:
        return "bad_first"
    if len(batch.entries) > wire.BATCH_ENTRIES_MAX:
        return "too_many_entries"
    if why := next(filter(None, map(wire.refusal, batch.entries)), None):
        return why
    if batch.mark and len(batch.mark.payload) > PAYLOAD_BYTES_MAX:
        return "payload_too_large"
    numbers = [batch.first + len(batch.entries)]
    numbers += [batch.mark.after_seq] if batch.mark else []
    return None if all(0 <= n <= wire.NUMBER_MAX for n in numbers) else "bad_number"


def check_ttl(ttl_ms: int) -> int:
    """In microseconds. Raises InvalidInput."""
    if not TTL_MS_MIN <= ttl_ms <= TTL_MS_MAX:
        raise InvalidInput(f"ttl_ms is from {TTL_MS_MIN} to {TTL_MS_MAX}")
    return ttl_ms * 1_000


_SIDE_BOUNDS = {"side_max": SIDE_ENTRIES_MAX, "side_bytes_max": SIDE_BYTES_MAX}


def _time(at_us: int) -> int:
    return max(0, min(at_us, wire.NUMBER_MAX))


def _input(k: int, batch: Batch) -> tuple[Any, ...]:
    mark = batch.mark
    content = (mark.payload, mark.after_seq, _time(mark.at_us)) if mark else (None, None, None)
    return (k, batch.session_id, batch.term, batch.holder, *content)


def _entries(k: int, batch: Batch) -> list[tuple[Any, ...]]:
    return [_entry(k, seq, batch.term, e) for seq, e in enumerate(batch.entries, batch.first)]


def _entry(k: int, seq: int, term: int, entry: WireEntry) -> tuple[Any, ...]:
    kind, flags, at_us, payload = entry.kind, entry.flags, _time(entry.at_us), entry.payload
    head = row_sum(seq, term, kind.encode(), flags, at_us)
    return k, seq, kind, flags, at_us, payload, hashlib.sha256(payload).digest(), head


def _parts(batch: Batch) -> list[tuple[Any, ...]]:
    """The blobs that its entries refer to."""
    return [
        (name, batch.session_id, seq)
        for seq, entry in enumerate(batch.entries, batch.first)
        if entry.flags & BLOBS
        for name in dict.fromkeys(large.references(entry.payload))
    ]


def _changes(batch: Batch) -> Numbered:
    return [
        (seq, change)
        for seq, e in enumerate(batch.entries, batch.first)
        if (change := changes(e.kind, e.payload, _time(e.at_us), e.flags)) is not None
    ]
