"""The archive end of the store: `take` and `append`, guarded by the statements of the dialect."""

import asyncio
import hashlib
import logging
from uuid import UUID

from unbroken import names
from unbroken.archive import port as wire
from unbroken.archive.port import (
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
from unbroken.errors import CallTaken, InvalidInput
from unbroken.log.entries import KIND_OF, KINDS, Lost, encode
from unbroken.store import taking
from unbroken.store.appending import Appending, check_ttl
from unbroken.store.records import FIRST_PLACE, Received, SideEntry, SidePlace
from unbroken.store.transaction import Database, Row, Transaction

BATCHES_MAX = 10_000  # of one host in one request
CORRUPT = "corrupt"  # why an entry is lost
NAMED_MAX = 10  # damaged entries, in one line of the log
INLINE_BYTES_MAX = 64 << 10  # beyond it a thread reads the payloads, so that the loop goes on
_TIMELINE_MAX = (1 << 53) - 1  # what JavaScript's numbers hold exactly


log = logging.getLogger(__name__)


class StoredArchive:
    """`blobs` keeps what is too large for an entry."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self._blobs = blobs
        self.identity = StoreIdentity(database.system_id, env.new_id().int & _TIMELINE_MAX)
        self._env = env

    async def take(self, request: TakeRequest, *, listened_us: int = 0) -> Taken:
        _check_names(request)
        self._check_who(request.host_id, request.holder)
        ttl_us = check_ttl(request.ttl_ms)
        lost_hosts = listened_us >= ttl_us
        grant = await self._database.write(
            lambda tx: taking.take(tx, request, ttl_us=ttl_us, lost_hosts=lost_hosts)
        )
        if isinstance(grant, taking.NotTaken):
            state = "is over" if grant.is_over else "has a living holder"
            raise CallTaken(
                f"{request.role} of {request.room_name} {state}",
                session_id=grant.session_id,
                is_over=grant.is_over,
            )
        return self._taken(grant, await self._log(grant["session_id"], grant["base"]))

    async def _log(self, session_id: UUID, base: int) -> list[StoredEntry]:
        """All up to `base`, which never changes again; what is damaged or gone is `lost`."""

        def work(tx: Transaction) -> tuple[dict[int, Row], bool]:
            asked = {"session_id": session_id, "after": 0, "upto": base, "limit": wire.NUMBER_MAX}
            rows = {row["seq"]: row for row in tx.each("list_entries", **asked)}
            known = tx.one("get_chain", session_id=session_id)
            is_all = known is not None and known["last_seq"] == base
            chain = b"" if is_all else None
            for row in rows.values() if is_all else ():
                chain = hashlib.sha256((chain or b"") + row["sha256"]).digest()
            return rows, chain is None or chain == ((known and known["chain"]) or b"")

        rows, is_chained = await self._database.read_at_once(work)
        entries = [_stored(rows[n]) if n in rows else _lost(n) for n in range(1, base + 1)]
        damaged = [n for n, row in rows.items() if not row["is_whole"]]
        if damaged or len(rows) < base or not is_chained:
            about = {"session_id": str(session_id), "seqs": damaged[:NAMED_MAX]}
            log.error("log is corrupt", extra=about)
        return entries

    def _check_who(self, *ids: UUID) -> None:
        """Raise InvalidInput for the service's own id: what it holds, it alone writes."""
        if self._database.own_holder in ids:
            raise InvalidInput("no host and no holder has this id")

    def _taken(self, grant: Row, entries: list[StoredEntry]) -> Taken:
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
            entries=tuple(entries),
            mark=WireMark(g["mark_n"], g["mark_at"], g["mark"]) if g["mark"] else None,
            store=self.identity,
        )

    async def append(self, batch: HostBatch) -> HostAnswer:
        return (await self.receive(batch)).answer

    async def receive(self, batch: HostBatch) -> Received:
        if len(batch.batches) > BATCHES_MAX:
            raise InvalidInput(f"a request holds at most {BATCHES_MAX} batches")
        self._check_who(batch.host_id, *(one.holder for one in batch.batches))
        if _size(batch) <= INLINE_BYTES_MAX:
            work = Appending(batch)
        else:
            work = await asyncio.to_thread(Appending, batch)
        answers = await self._database.write(work.run)
        now_us = self._env.now_us()
        answer = HostAnswer(store=self.identity, now_us=now_us, batches=tuple(answers))
        return Received(answer, tuple(work.degraded))

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
                found.append(_stored(row))
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


def _size(batch: HostBatch) -> int:
    return sum(len(entry.payload) for one in batch.batches for entry in one.entries)


def _beside(row: Row) -> SideEntry:
    return SideEntry(
        entry=_stored(row),
        reason=row["reason"],
        received_at_us=row["received_at"],
        holder=row["holder"],
    )


def _lost(seq: int, term: int = 0, at_us: int = 0, kind: str | None = None) -> StoredEntry:
    """Stands for an entry that is not what was stored."""
    payload, flags = encode(Lost(CORRUPT, kind))
    return StoredEntry(seq, term, KIND_OF[Lost], at_us, flags, payload)


def _stored(row: Row) -> StoredEntry:
    if not row["is_whole"]:
        kind = row["kind"] if row["kind"] in KINDS else None
        return _lost(row["seq"], row["term"], row["at"], kind)
    payload = row["payload"] or b""
    return StoredEntry(row["seq"], row["term"], row["kind"], row["at"], row["flags"], payload)


def _check_names(request: TakeRequest) -> None:
    for what in ("room_name", "room_sid", "role"):
        names.check(what, getattr(request, what))
    for what in ("agent_identity", "agent_name", "user_id"):
        names.check(what, getattr(request, what) or "", may_be_empty=True)
    if not 0 <= (request.granted_term or 0) <= wire.TERM_MAX:
        raise InvalidInput(f"granted_term is from 0 to {wire.TERM_MAX}")
    if not request.holder.int:
        raise InvalidInput("the nil uuid holds nothing")
