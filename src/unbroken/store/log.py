"""The archive end of the store: `take` and `append`, guarded by the statements of the dialect."""

import asyncio
import logging
from collections.abc import Iterator
from uuid import UUID

import msgspec

from unbroken import names
from unbroken.archive import port as wire
from unbroken.archive.port import (
    Batch,
    BatchAnswer,
    HostAnswer,
    HostBatch,
    LogPart,
    LogPlace,
    StoredEntry,
    StoreIdentity,
    Taken,
    TakeRequest,
    WireMark,
)
from unbroken.blobs import Blobs
from unbroken.coordination.admission import UNLIMITED, CallLimits
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, CallTaken, InvalidInput
from unbroken.store import taking
from unbroken.store.appending import Appending, check_ttl
from unbroken.store.records import FIRST_PLACE, Received, SideEntry, SidePlace
from unbroken.store.taking import stored
from unbroken.store.transaction import Database, Row, Transaction

BATCHES_MAX = 10_000  # of one host in one request
STEPS_MAX = 500  # batches and entries in one transaction: about a tenth of a second
CHAIN_BYTES = 32  # of an SHA-256
NAMED_MAX = 10  # damaged entries, in one line of the log
INLINE_BYTES_MAX = 64 << 10  # beyond it a thread reads the payloads, so that the loop goes on

log = logging.getLogger(__name__)


class StoredArchive:
    """`blobs` keeps what is too large for an entry."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self._blobs = blobs
        self._env = env
        # One part of one host waits for the database, those of others for this, in their order.
        # So a take, or anything else that is written, is behind one part and not behind all.
        self._appending = asyncio.Semaphore(1)

    @property
    def identity(self) -> StoreIdentity:
        return self._database.identity

    async def take(
        self, request: TakeRequest, *, listened_us: int = 0, limits: CallLimits = UNLIMITED
    ) -> Taken:
        _check_names(request)
        self._check_who(request.host_id, request.holder)
        ttl_us = check_ttl(request.ttl_ms)
        lost_hosts = listened_us >= ttl_us
        grant, store = await self._database.write_at_once(
            lambda tx: (
                taking.take(tx, request, ttl_us=ttl_us, lost_hosts=lost_hosts, limits=limits),
                tx.identity,
            )
        )
        if isinstance(grant, taking.NotTaken):
            state = "is over" if grant.is_over else "has a living holder"
            raise CallTaken(
                f"{request.role} of {request.room_name} {state}",
                session_id=grant.session_id,
                is_over=grant.is_over,
            )
        if grant["missing"]:
            about = {"session_id": str(grant["session_id"]), "entries": grant["missing"]}
            log.error("the store went back, and this host has not what it lacks", extra=about)
        start = LogPlace(session_id=grant["session_id"], holder=request.holder, seq=0, chain=b"")
        return _taken(grant, await self._read(start, is_held=False), store)

    async def read_log(self, place: LogPlace) -> LogPart:
        _check_place(place)
        return await self._read(place, is_held=True)

    async def _read(self, place: LogPlace, *, is_held: bool) -> LogPart:
        """With `is_held` only if the holder has the session still."""
        read = await self._database.read_at_once(
            lambda tx: taking.read_log(tx, place, is_held=is_held)
        )
        if not read.is_as_stored:
            about = {"session_id": str(place.session_id), "seqs": read.damaged[:NAMED_MAX]}
            log.error("log is corrupt", extra=about)
        return read.part

    def _check_who(self, *ids: UUID) -> None:
        """Raise InvalidInput for the service's own id: what it holds, it alone writes."""
        if self._database.own_holder in ids:
            raise InvalidInput("no host and no holder has this id")

    async def append(self, batch: HostBatch) -> HostAnswer:
        return (await self.receive(batch)).answer

    async def receive(self, batch: HostBatch) -> Received:
        if len(batch.batches) > BATCHES_MAX:
            raise InvalidInput(f"a request holds at most {BATCHES_MAX} batches")
        self._check_who(batch.host_id, *(one.holder for one in batch.batches))
        answers: list[BatchAnswer] = []
        degraded: list[tuple[UUID, str | None]] = []
        stores = set[StoreIdentity]()
        for part in _parts(batch):
            answered, store = await self._appended(work := await _prepared(part))
            answers += answered
            degraded += work.degraded
            stores.add(store)
        if len(stores) > 1:
            raise ArchiveUnavailable("the store went back meanwhile")
        answer = HostAnswer(store=store, now_us=self._env.now_us(), batches=tuple(answers))
        return Received(answer, tuple(degraded))

    async def _appended(self, work: Appending) -> tuple[list[BatchAnswer], StoreIdentity]:
        async with self._appending:
            return await self._database.write(lambda tx: (work.run(tx), tx.identity))

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        await self._blobs.put(sha256, content)

    async def get_blob(self, sha256: bytes) -> bytes:
        return await self._blobs.get(sha256)

    async def entries(
        self,
        session_id: UUID,
        *,
        after: int = 0,
        upto: int = wire.NUMBER_MAX,
        limit: int = wire.NUMBER_MAX,
        bytes_max: int = wire.NUMBER_MAX,
    ) -> list[StoredEntry]:
        asked = {"session_id": session_id, "after": after, "upto": upto, "limit": limit}

        def work(tx: Transaction) -> list[StoredEntry]:
            found, size = [], 0
            for row in tx.each("list_entries", **asked):
                found.append(stored(row))
                size += len(found[-1].payload)
                if size >= bytes_max:
                    break
            return found

        return await self._database.read(work)

    async def side_entries(
        self,
        session_id: UUID,
        *,
        limit: int,
        after: SidePlace = FIRST_PLACE,
        bytes_max: int = wire.NUMBER_MAX,
    ) -> list[SideEntry]:
        term, holder, seq = after
        place = {"after_term": term, "after_holder": holder, "after_seq": seq}

        def work(tx: Transaction) -> list[SideEntry]:
            found, size = [], 0
            asked = {"session_id": session_id, "limit": limit, **place}
            for row in tx.each("list_side_entries", **asked):
                found.append(_beside(row))
                size += len(found[-1].entry.payload)
                if size >= bytes_max:
                    break
            return found

        return await self._database.read(work)


def _taken(grant: Row, part: LogPart, store: StoreIdentity) -> Taken:
    g = grant
    return Taken(
        session_id=g["session_id"],
        call_id=g["call_id"],
        conversation_id=g["conversation_id"],
        term=g["term"],
        base=g["base"],
        is_new=g["term"] == 1,
        is_named=bool(g["is_named"]),
        cause=g["cause"],
        gap_us=g["gap"],
        crashes=g["crashes"],
        entries=part.entries,
        next=part.next,
        mark=WireMark(g["mark_n"], g["mark_at"], g["mark"]) if g["mark"] else None,
        store=store,
    )


def _parts(batch: HostBatch) -> Iterator[HostBatch]:
    """One host's backlog in transactions that are short, so that others come between: at least
    one, which renews the host."""
    part: list[Batch] = []
    steps = 0
    for one in batch.batches:
        mine = 1 + len(one.entries)
        if part and steps + mine > STEPS_MAX:
            yield msgspec.structs.replace(batch, batches=tuple(part))
            part, steps = [], 0
        part.append(one)
        steps += mine
    yield msgspec.structs.replace(batch, batches=tuple(part))


async def _prepared(batch: HostBatch) -> Appending:
    if _size(batch) <= INLINE_BYTES_MAX:
        return Appending(batch)
    return await asyncio.to_thread(Appending, batch)


def _size(batch: HostBatch) -> int:
    return sum(len(entry.payload) for one in batch.batches for entry in one.entries)


def _beside(row: Row) -> SideEntry:
    return SideEntry(
        entry=stored(row),
        reason=row["reason"],
        received_at_us=row["received_at"],
        holder=row["holder"],
    )


def _check_names(request: TakeRequest) -> None:
    for what in ("room_name", "room_sid", "role"):
        names.check(what, getattr(request, what))
    for what in ("agent_identity", "agent_name", "user_id"):
        names.check(what, getattr(request, what) or "", may_be_empty=True)
    if not 0 <= (request.granted_term or 0) <= wire.TERM_MAX:
        raise InvalidInput(f"granted_term is from 0 to {wire.TERM_MAX}")
    if not 0 <= (request.granted_base or 0) <= wire.NUMBER_MAX:
        raise InvalidInput(f"granted_base is from 0 to {wire.NUMBER_MAX}")
    if not request.holder.int:
        raise InvalidInput("the nil uuid holds nothing")


def _check_place(place: LogPlace) -> None:
    if not 0 < place.seq <= wire.NUMBER_MAX or len(place.chain) != CHAIN_BYTES:
        raise InvalidInput("no part of a log ends there")
