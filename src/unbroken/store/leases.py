"""Locks, slots and windows: what is granted for a time, and what was admitted lately.

A grant is one guarded statement: it counts what is held and adds a row, or none. What is over is
taken away before it, in the same transaction, so a row that is still there is of nobody else since
and may be renewed, however late.
"""

from collections.abc import Sequence
from uuid import UUID

from unbroken.coordination.lease import (
    LOCK,
    SLOT,
    Lease,
    LeaseAnswer,
    LeaseAsk,
    Pool,
    Refused,
    SessionTerm,
)
from unbroken.coordination.rate import Window
from unbroken.errors import CallTaken, Conflict, LeaseLost, NotFound
from unbroken.store.granting import LEASES_MAX, SOME, granted, retry_s, seconds
from unbroken.store.records import FIRST_ID
from unbroken.store.transaction import Database, Row, Transaction


class StoredLeases:
    """Each grant is one guarded statement: it is made whole, or has changed nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, ask: LeaseAsk, *, only_own: bool = False) -> LeaseAnswer:
        return await self._database.write(lambda tx: _answer(tx, ask, only_own=only_own))

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> Lease:
        asked = {"lease_id": lease_id, "ttl": ttl_us}
        row = await self._database.write(lambda tx: tx.one("renew_lease_of", **asked))
        if row is None:
            raise LeaseLost(f"lease {lease_id} is over")
        return _lease(row)

    async def release(self, lease_id: UUID) -> Pool | None:
        row = await self._database.write(lambda tx: tx.one("release_lease", lease_id=lease_id))
        return Pool.of(row["pool"]) if row else None

    async def held(self, pools: Sequence[Pool]) -> dict[Pool, int]:
        asked = [pool.text for pool in pools]
        rows = await self._database.read(lambda tx: tx.all("held_leases", pools=asked))
        return {Pool.of(row["pool"]): row["held"] for row in rows}

    async def list(self, *, limit: int, after: UUID | None = None) -> list[Lease]:
        asked = {"after": after or FIRST_ID, "limit": limit}
        rows = await self._database.read(lambda tx: tx.all("list_leases", **asked))
        return [_lease(row) for row in rows]

    async def fence(self, lock: str) -> int:
        row = await self._database.read(lambda tx: newest_fence(tx, lock))
        return row["fence"] if row else 0

    async def admit(self, window: Window) -> Refused | None:
        return await self._database.write(lambda tx: _admitted(tx, window))


def newest_fence(tx: Transaction, lock: str) -> Row | None:
    """That of the last grant of the lock, if it is known."""
    return tx.one("get_fence", pool=Pool(LOCK, lock).text)


def _answer(tx: Transaction, ask: LeaseAsk, *, only_own: bool) -> LeaseAnswer:
    """Also what is refused takes away what is over: that has been nobody's before."""
    if ask.session is not None:
        _check_term(tx, ask.session, ask.pool.kind)
    if (known := tx.one("get_lease", lease_id=ask.lease_id)) is not None:
        return _again(tx, ask, known)
    pool = ask.pool.text
    tx.one("end_leases", pool=pool)
    is_own = _is_handed_on(tx, ask)
    limit = LEASES_MAX if is_own else ask.limit
    row = None if only_own and not is_own else granted(tx, ask, limit=limit)
    return Refused(retry_s(tx, ask.pool)) if row is None else _lease(row)


def _again(tx: Transaction, ask: LeaseAsk, known: Row) -> Lease:
    if known["pool"] != ask.pool.text:
        raise Conflict(f"lease {ask.lease_id} is of another pool")
    row = tx.one("renew_lease_of", lease_id=ask.lease_id, ttl=ask.ttl_us)
    if row is None:
        raise LeaseLost(f"lease {ask.lease_id} is over")
    return _lease(row)


def _is_handed_on(tx: Transaction, ask: LeaseAsk) -> bool:
    """Whether the session had a slot from an earlier term, which makes room for this one."""
    if ask.session is None or ask.pool.kind != SLOT:
        return False
    session_id, term = ask.session
    asked = {"session_id": session_id, "term": term, "pool": ask.pool.text}
    return tx.one("hand_on_lease", **asked) is not None


def _check_term(tx: Transaction, session: SessionTerm, kind: str) -> None:
    row = tx.one("get_lease_session", session_id=session.session_id)
    if row is None:
        raise NotFound(f"no session {session.session_id}")
    is_over = row["phase"] == "ended"
    if is_over or row["term"] != session.term:
        said = "the session is over" if is_over else f"term {session.term} is over"
        raise CallTaken(said, session_id=session.session_id, is_over=is_over)
    if row["phase"] == "orphaned" and kind == LOCK:
        raise Conflict("the session has no agent now")


def _admitted(tx: Transaction, window: Window) -> Refused | None:
    asked = {"pool": window.text, "limit": window.limit}
    row = tx.one("admit", **asked, per=window.per_us)
    if row is not None:
        tx.one("forget_admissions", **asked, n=row["n"])
        left = tx.all("list_left_admissions", limit=SOME)
        tx.many("forget_admission", [(one["tenant"], one["pool"], one["n"]) for one in left])
        return None
    first = tx.one("first_admission", **asked)
    return Refused(seconds(tx, first["until"] if first else None))


def _lease(row: Row) -> Lease:
    session_id, term = row["session_id"], row["term"]
    return Lease(
        lease_id=row["lease_id"],
        pool=Pool.of(row["pool"]),
        fence=row["fence"],
        granted_at_us=row["granted_at"],
        until_us=row["until"],
        ttl_us=row["ttl"],
        session=None if session_id is None else SessionTerm(session_id, term),
        owner=row["owner"],
    )
