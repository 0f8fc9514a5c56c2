"""Sessions without a holder: who is due, who is given up, who is over."""

from uuid import UUID

import msgspec

from unbroken.stores.sqlite.archive import end_session
from unbroken.stores.sqlite.database import Database, Row, Transaction

PAGE = 100


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was claimed for a dispatch; `is_last`: it will not be claimed again."""

    session_id: UUID
    call_id: UUID
    role: str
    agent_name: str | None
    agent_identity: str | None
    term: int
    cause: str | None
    dispatches: int
    is_last: bool


class Abandoned(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has been orphaned for long."""

    session_id: UUID
    term: int
    holder: UUID
    cause: str | None
    room_name: str


class SqliteOwnership:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._own_host = UUID(database.system_id)

    async def claim_orphans(self, *, limit: int, retry_s: float, until_s: float) -> list[Orphan]:
        """Those whose dispatch is due now; each again after `retry_s`, until `until_s`."""
        timing = {"retry": int(retry_s * 1_000_000), "until": int(until_s * 1_000_000)}
        rows = await self._database.write(lambda tx: tx.all("claim_orphans", limit=limit, **timing))
        return [_orphan(row) for row in rows]

    async def orphan(self, session_id: UUID, term: int, holder: UUID, *, cause: str) -> bool:
        """False if the session has moved on."""
        row = await self._database.write(
            lambda tx: tx.one(
                "orphan", session_id=session_id, term=term, holder=holder, cause=cause
            )
        )
        return row is not None

    async def rejoined(self, session_id: UUID, term: int) -> bool:
        """People are back in the room of an orphan: its dispatch is due."""
        row = await self._database.write(
            lambda tx: tx.one("rejoined", session_id=session_id, term=term)
        )
        return row is not None

    async def count_crashes(self, session_id: UUID, *, window_s: float) -> int:
        window = int(window_s * 1_000_000)
        row = await self._database.read(
            lambda tx: tx.one("count_crashes", session_id=session_id, window=window)
        )
        return int(row["crashes"]) if row else 0

    async def list_abandoned(self, *, orphaned_s: float) -> list[Abandoned]:
        """Orphaned for `orphaned_s` or longer, the oldest first, at most a page."""
        past = int(orphaned_s * 1_000_000)
        rows = await self._database.read(
            lambda tx: tx.all("list_abandoned", before=tx.now_us - past, limit=PAGE)
        )
        return [_abandoned(row) for row in rows]

    async def end(self, session_id: UUID, term: int, holder: UUID, *, reason: str) -> bool:
        """Close the session, and its call if it was the last one. False if it has moved on."""
        return await self._database.write(
            lambda tx: _end(tx, session_id.bytes, term, holder.bytes, reason)
        )

    async def sweep(self, *, silent_s: float) -> list[UUID]:
        """Orphan the sessions of hosts that have been silent for `silent_s`; end what was saved
        over REST and has been idle as long. Those that changed.
        """
        past = int(silent_s * 1_000_000)
        return await self._database.write(lambda tx: self._sweep(tx, tx.now_us - past))

    def _sweep(self, tx: Transaction, before: int) -> list[UUID]:
        asked = {"own_host": self._own_host, "before": before, "limit": PAGE}
        lost = tx.all("list_lost", **asked)
        for row in lost:
            who = {"session_id": row["session_id"], "holder": row["holder"]}
            tx.one("orphan", **who, term=row["term"], cause="host_lost")
        idle = tx.all("list_idle", **asked)
        for row in idle:
            _end(tx, row["session_id"], row["term"], row["holder"], "idle")
        return [UUID(bytes=row["session_id"]) for row in [*lost, *idle]]


def _end(tx: Transaction, session_id: bytes, term: int, holder: bytes, reason: str) -> bool:
    session = tx.one("get_session", session_id=session_id)
    if session is None or not end_session(tx, session_id, term, holder, reason):
        return False
    tx.one("end_call", call_id=session["call_id"], reason=reason)
    return True


def _orphan(row: Row) -> Orphan:
    return Orphan(
        session_id=UUID(bytes=row["session_id"]),
        call_id=UUID(bytes=row["call_id"]),
        role=row["role"],
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        term=row["term"],
        cause=row["cause"],
        dispatches=row["dispatches"],
        # `returning` of SQLite 3.40 answers 0 for this null.
        is_last=not row["next_dispatch_at"],
    )


def _abandoned(row: Row) -> Abandoned:
    return Abandoned(
        session_id=UUID(bytes=row["session_id"]),
        term=row["term"],
        holder=UUID(bytes=row["holder"]),
        cause=row["cause"],
        room_name=row["room_name"],
    )
