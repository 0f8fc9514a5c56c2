"""One session as people look at it: its terms, what is in flight, and orders to its holder."""

from uuid import UUID

from unbroken.archive.port import Order
from unbroken.blobs import Blobs
from unbroken.env import Env
from unbroken.errors import Conflict
from unbroken.log import entries
from unbroken.log import mark as marks
from unbroken.log.entries import Recovered
from unbroken.log.mark import Mark
from unbroken.store.records import Term, Verified
from unbroken.store.transaction import Database, Row, Transaction
from unbroken.store.verifying import Verifying, verify_parts

TERMS_MAX = 1_000
ORDER_VALID_US = 30_000_000  # nobody expects an older one to be carried out


class StoredSessions:
    """An order is for the living holder of a session, and is refused if it has none."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self._blobs = blobs
        self._env = env

    async def list_terms(self, session_id: UUID) -> list[Term]:
        asked = {"session_id": session_id, "limit": TERMS_MAX}
        rows = await self._database.read(lambda tx: tx.all("list_terms", **asked))
        return [_term(row) for row in rows]

    async def is_holder(self, room_name: str, identity: str) -> bool:
        asked = {"room_name": room_name, "identity": identity}
        row = await self._database.read(lambda tx: tx.one("get_session_of_identity", **asked))
        return row is not None

    async def get_mark(self, session_id: UUID) -> Mark | None:
        row = await self._database.read(lambda tx: tx.one("get_mark", session_id=session_id))
        return _mark(row) if row else None

    async def kill(self, session_id: UUID) -> None:
        order = {"session_id": session_id, "id": self._env.new_id(), "kind": "kill"}
        if await self._database.write(lambda tx: tx.one("put_order", **order)) is None:
            raise Conflict(f"session {session_id} has no living agent")

    async def verify(self, session_id: UUID) -> Verified:
        read = await self._database.read(lambda tx: Verifying(tx, session_id).run())
        return read.verified(await verify_parts(self._blobs, read.parts))

    async def newest(self, *, limit: int, before: UUID | None = None) -> list[tuple[UUID, int]]:
        asked = {"limit": limit, "before": before}
        rows = await self._database.read(lambda tx: tx.all("newest_sessions", **asked))
        return [(row["session_id"], row["last_seq"]) for row in rows]


def has_orders(tx: Transaction) -> bool:
    row = tx.one("has_orders", valid=ORDER_VALID_US)
    return bool(row and row["has_orders"])


def orders(tx: Transaction, session_id: UUID, term: int) -> tuple[Order, ...]:
    """Those that the holder of this term has not heard yet; they count as heard from now on."""
    about = {"session_id": session_id, "term": term}
    rows = tx.all("take_orders", **about, valid=ORDER_VALID_US)
    return tuple(Order(row["kind"]) for row in rows)


def _term(row: Row) -> Term:
    said = entries.decode("recovered", row["report"]) if row["report"] else None
    return Term(
        term=row["term"],
        agent_identity=row["agent_identity"],
        first_seq=row["first_seq"],
        end_seq=row["end_seq"],
        taken_at_us=row["taken_at"],
        cause=row["cause"],
        gap_us=row["gap"] if row["term"] > 1 else None,
        recovered=said if isinstance(said, Recovered) else None,
    )


def _mark(row: Row) -> Mark | None:
    try:
        mark = marks.decode(row["mark"])
    except (UnicodeDecodeError, RecursionError):  # never owed
        return None
    said, heard = bool(row["is_said"]), bool(row["is_heard"])
    return marks.left_of(mark, said=said, heard=heard) if mark else None
