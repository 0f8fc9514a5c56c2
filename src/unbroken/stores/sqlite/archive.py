"""The archive end of the store: `take` and `append`, guarded by the statements of stores/sql."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from unbroken import archive as wire
from unbroken import names
from unbroken.archive import (
    Answer,
    Batch,
    HostAnswer,
    HostBatch,
    StoredEntry,
    StoreIdentity,
    Taken,
    TakeRequest,
    WireMark,
)
from unbroken.blobs import Blobs
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, CallTaken, InvalidInput
from unbroken.stores.projection import (
    Change,
    EndSession,
    PutMessage,
    PutReport,
    changes,
    clean,
)
from unbroken.stores.sqlite import calls, messages, sessions, taking
from unbroken.stores.sqlite.database import Database, Row, Transaction

BATCHES_MAX = 10_000  # of one host in one request
TTL_MS_MIN, TTL_MS_MAX = 100, 60_000
_TIMELINE_MAX = (1 << 53) - 1  # what JavaScript's numbers hold exactly


class SideEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that may not enter the log; `reason` says why: late, ended."""

    entry: StoredEntry
    reason: str
    received_at_us: int


class SqliteArchive:
    """`Archive` over one SQLite file. `blobs` keeps what is too large for an entry."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self._blobs = blobs
        self._steadiness = Steadiness(env)
        self.orphaned = asyncio.Event()  # set when a session lost its holder through an append
        self.identity = StoreIdentity(database.system_id, env.new_id().int & _TIMELINE_MAX)
        self.on_degraded: Callable[[UUID, str | None], None] = _ignore  # told each change

    async def take(self, request: TakeRequest) -> Taken:
        _check_names(request)
        ttl_us = _ttl_us(request.ttl_ms)
        lost_hosts = self._steadiness.lasts(ttl_us)
        grant = await self._database.write(
            lambda tx: taking.take(tx, request, ttl_us=ttl_us, lost_hosts=lost_hosts)
        )
        if isinstance(grant, taking.NotTaken):
            raise CallTaken(
                f"{request.role} of {request.room_name} has a living holder, or ended",
                session_id=grant.session_id,
            )
        # The log up to its base never changes again, so it may be read after the transaction.
        entries = await self.entries(grant["session_id"], upto=grant["base"])
        if len(entries) != grant["base"]:
            raise ArchiveUnavailable("the log could not be read whole")
        return self._taken(grant, entries)

    def _taken(self, grant: Row, entries: list[StoredEntry]) -> Taken:
        g = grant
        return Taken(
            session_id=UUID(bytes=g["session_id"]),
            call_id=UUID(bytes=g["call_id"]),
            conversation_id=UUID(bytes=g["conversation_id"]),
            term=g["term"],
            base=g["base"],
            is_new=g["term"] == 1,
            cause=g["cause"],
            gap_us=g["gap"],
            crashes=g["crashes"],
            entries=tuple(entries),
            mark=WireMark(g["mark_n"], g["mark_at"], g["mark"]) if g["mark"] else None,
            store=self.identity,
        )

    async def append(self, batch: HostBatch) -> HostAnswer:
        if len(batch.batches) > BATCHES_MAX:
            raise InvalidInput(f"a request holds at most {BATCHES_MAX} batches")
        work = Appending(batch)
        answers = await self._database.write(work.run)
        if work.has_orphaned:
            self.orphaned.set()
        for session_id, words in work.degraded:
            self.on_degraded(session_id, words)
        return HostAnswer(
            store=self.identity, now_us=self._steadiness.now_us(), batches=tuple(answers)
        )

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        await self._blobs.put(sha256, content)

    async def get_blob(self, sha256: bytes) -> bytes:
        return await self._blobs.get(sha256)

    async def entries(
        self,
        session_id: bytes,
        *,
        after: int = 0,
        upto: int = wire.NUMBER_MAX,
        limit: int = -1,
        bytes_max: int = wire.NUMBER_MAX,
    ) -> list[StoredEntry]:
        """The log of a session, in order; stops behind the entry that reaches `bytes_max`.

        A payload that was erased is empty.
        """
        asked = {"session_id": session_id, "after": after, "upto": upto, "limit": limit}

        def work(tx: Transaction) -> list[StoredEntry]:
            found, size = [], 0
            for row in tx.each("list_entries", **asked):
                found.append(_stored(row))
                size += len(found[-1].payload)
                if size >= bytes_max:
                    break
            return found

        return await self._database.read(work)

    async def side_entries(self, session_id: UUID, *, limit: int) -> list[SideEntry]:
        """What came late, oldest term first."""
        rows = await self._database.read(
            lambda tx: tx.all("list_side_entries", session_id=session_id, limit=limit)
        )
        return [
            SideEntry(entry=_stored(row), reason=row["reason"], received_at_us=row["received_at"])
            for row in rows
        ]

    def pulse(self) -> None:
        """Called about once a second: a pause of ours is no proof that hosts are lost."""
        self._steadiness.pulse()

    def listened_us(self) -> int:
        return self._steadiness.listened_us()


class Steadiness:
    """Since when this process could have heard every host.

    A host that is silent is lost only if we listened for a whole lease: not right after a
    start or a pause of this process. Steps of the wall clock are the store's clock's matter.
    """

    PAUSE_US = 3_000_000

    def __init__(self, env: Env) -> None:
        self._env = env
        self._since = self._pulse = env.boot_us()

    def now_us(self) -> int:
        return self._env.now_us()

    def pulse(self) -> None:
        now = self._env.boot_us()
        if now - self._pulse > self.PAUSE_US:
            self._since = now
        self._pulse = now

    def lasts(self, duration_us: int) -> bool:
        return self.listened_us() >= duration_us

    def listened_us(self) -> int:
        """How long we have been able to hear every host."""
        return self._env.boot_us() - self._since


class Appending:
    """One host batch on its way into the log. What is costly is done before the transaction."""

    def __init__(self, batch: HostBatch, *, is_live: bool = True) -> None:
        self._batch = batch
        self._ttl_us = _ttl_us(batch.ttl_ms) if is_live else 0
        self._refused = {k: why for k, b in enumerate(batch.batches) if (why := refusal(b))}
        self.has_orphaned = False  # a dispatch is due
        self.degraded: list[tuple[UUID, str | None]] = []  # what changed of it

    def run(self, tx: Transaction) -> list[Answer]:
        name = clean(self._batch.host_name)[: names.CHARS_MAX]
        tx.one("renew_host", host_id=self._batch.host_id, name=name, version=None, ttl=self._ttl_us)
        self._stage(tx)
        rows = {row["k"]: row for row in tx.all("append")}
        has_orders = sessions.has_orders(tx)
        for k, row in sorted(rows.items()):
            if row["outcome"] == "acked":
                self._follow(tx, self._batch.batches[k], row["last_seq"])
                self._degrade(tx, self._batch.batches[k], row["degraded"])
        answers = [self._answer(k, rows.get(k)) for k in range(len(self._batch.batches))]
        return [self._ordered(tx, k, a) for k, a in enumerate(answers)] if has_orders else answers

    def _stage(self, tx: Transaction) -> None:
        accepted = [(k, b) for k, b in enumerate(self._batch.batches) if k not in self._refused]
        tx.many("put_input", [_input(k, batch) for k, batch in accepted])
        entries = [row for k, batch in accepted for row in _entries(k, batch)]
        tx.many("put_batch", entries)

    def _follow(self, tx: Transaction, batch: Batch, last_seq: int) -> None:
        """What new entries change elsewhere, and the end of the holder."""
        skip = max(0, last_seq + 1 - batch.first)
        new = [
            (seq, change)
            for seq, e in enumerate(batch.entries[skip:], batch.first + skip)
            if (change := changes(e.kind, e.payload, e.at_us)) is not None
        ]
        if new:
            apply(tx, batch, new)
        if batch.final is not None:
            self.has_orphaned |= orphan(tx, batch, batch.final)
        else:
            revived = {"session_id": batch.session_id, "term": batch.term, "holder": batch.holder}
            tx.one("revive", **revived)

    def _degrade(self, tx: Transaction, batch: Batch, before: str | None) -> None:
        words = clean(batch.degraded)[: names.CHARS_MAX] if batch.degraded else None
        if words != before:
            tx.one("set_degraded", session_id=batch.session_id, degraded=words)
            self.degraded.append((batch.session_id, words))

    def _ordered(self, tx: Transaction, k: int, answer: Answer) -> Answer:
        """With what its holder is to do now."""
        batch = self._batch.batches[k]
        if answer.outcome != "acked" or batch.final is not None:
            return answer
        orders = sessions.orders(tx, batch.session_id, batch.term)
        return msgspec.structs.replace(answer, orders=orders)

    def _answer(self, k: int, row: Row | None) -> Answer:
        session_id = self._batch.batches[k].session_id
        if row is None:
            return Answer(session_id=session_id, outcome="refused", seq=0, code=self._refused[k])
        return Answer(session_id=session_id, outcome=row["outcome"], seq=row["seq"])


def apply(tx: Transaction, batch: Batch, new: list[tuple[int, Change]]) -> None:
    """Bring the rows that people read up to the entries just stored."""
    session = tx.one("get_holder", session_id=batch.session_id)
    if session is None:
        return
    puts = [change for _, change in new if isinstance(change, PutMessage)]
    history = messages.History(tx, batch.session_id, session["conversation_id"])
    for seq, change in new:
        if isinstance(change, EndSession):
            end(tx, session["call_id"], batch, change.reason)
        elif isinstance(change, PutReport):
            about = {"session_id": batch.session_id, "term": batch.term}
            tx.one("put_report", **about, report=change.report)
        elif not history.apply(seq, change):
            calls.apply(tx, session["call_id"], change)
    if puts:
        last_at = min(max(put.at_us for put in puts), tx.now_us)
        tx.one("touch_conversation", conversation_id=session["conversation_id"], at=last_at)
        messages.suggest_title(tx, session["conversation_id"], puts)


def orphan(tx: Transaction, batch: Batch, cause: str) -> bool:
    """True if a dispatch is due now."""
    cause = clean(cause)[: names.CHARS_MAX]
    who = {"session_id": batch.session_id, "term": batch.term, "holder": batch.holder}
    row = tx.one("orphan", **who, cause=cause)
    return row is not None and bool(row["next_dispatch_at"])


def end(tx: Transaction, call_id: bytes, batch: Batch, reason: str) -> None:
    end_session(tx, batch.session_id.bytes, batch.term, batch.holder.bytes, reason)
    tx.one("end_call", call_id=call_id, reason=reason[: names.CHARS_MAX])


def end_session(tx: Transaction, session_id: bytes, term: int, holder: bytes, reason: str) -> bool:
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
    if batch.mark and len(batch.mark.payload) > wire.PAYLOAD_BYTES_MAX:
        return "payload_too_large"
    if code := next(filter(None, map(wire.refusal, batch.entries)), None):
        return code
    numbers = [batch.first + len(batch.entries)]
    numbers += [batch.mark.at_us, batch.mark.after_seq] if batch.mark else []
    return None if all(0 <= n <= wire.NUMBER_MAX for n in numbers) else "bad_number"


def _ignore(_session_id: UUID, _words: str | None) -> None:
    return


def _stored(row: Row) -> StoredEntry:
    payload = row["payload"] or b""
    return StoredEntry(row["seq"], row["term"], row["kind"], row["at"], row["flags"], payload)


def _input(k: int, batch: Batch) -> tuple[Any, ...]:
    mark = batch.mark
    content = (mark.payload, mark.after_seq, mark.at_us) if mark else (None, None, None)
    return (k, batch.session_id.bytes, batch.term, batch.holder.bytes, *content)


def _entries(k: int, batch: Batch) -> list[tuple[Any, ...]]:
    return [
        (k, seq, e.kind, e.flags, e.at_us, e.payload, hashlib.sha256(e.payload).digest())
        for seq, e in enumerate(batch.entries, batch.first)
    ]


def _check_names(request: TakeRequest) -> None:
    for what in ("room_name", "room_sid", "role"):
        names.check(what, getattr(request, what))
    for what in ("agent_identity", "agent_name", "user_id"):
        names.check(what, getattr(request, what) or "", may_be_empty=True)
    if not 0 <= (request.granted_term or 0) <= wire.TERM_MAX:
        raise InvalidInput(f"granted_term is from 0 to {wire.TERM_MAX}")
    if not request.holder.int:
        raise InvalidInput("the nil uuid holds nothing")


def _ttl_us(ttl_ms: int) -> int:
    if not TTL_MS_MIN <= ttl_ms <= TTL_MS_MAX:
        raise InvalidInput(f"ttl_ms is from {TTL_MS_MIN} to {TTL_MS_MAX}")
    return ttl_ms * 1_000
