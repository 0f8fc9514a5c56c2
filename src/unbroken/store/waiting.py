"""Rooms that were opened with an agent that has not come yet. A row is there while one waits."""

from collections.abc import Sequence
from uuid import UUID

from unbroken.store.records import Awaited, Waiting
from unbroken.store.transaction import Database, Row, Transaction

NAMES_MAX = 20
LISTED_MAX = 1_000


class StoredWaiting:
    """Of all services one looks at a room that waits, and one asks for its agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next_due_us(self) -> int | None:
        row = await self._database.read(lambda tx: tx.one("next_waiting"))
        return row["at"] if row else None

    async def find(self, name: str) -> Waiting | None:
        row = await self._database.read(lambda tx: tx.one("find_waiting", name=name))
        return _waiting(row) if row else None

    async def list(self) -> dict[str, Waiting]:
        rows = await self._database.read(lambda tx: tx.all("list_waiting_rooms", limit=LISTED_MAX))
        return {row["name"]: _waiting(row) for row in rows}

    async def claim(self, *, limit: int, hold_s: float) -> tuple[Waiting, ...]:
        asked = {"limit": limit, "hold": _us(hold_s)}
        rows = await self._database.claim(lambda tx: tx.all("claim_waiting", **asked))
        return tuple(_waiting(row) for row in rows)

    async def look(
        self, room_id: UUID, *, has_people: bool, again_s: float, asked: bool, is_coming: bool
    ) -> None:
        seen = {"has_people": has_people, "is_asked": asked, "is_coming": is_coming}
        again = _us(again_s)
        await self._database.write(
            lambda tx: tx.one("note_look", room_id=room_id, again=again, **seen)
        )

    async def may_ask(self, waiting: Waiting, *, has_people: bool, again_s: float) -> bool:
        about = {"room_id": waiting.room_id, "asked_at": waiting.asked_at_us}
        seen = {"has_people": has_people, "again": _us(again_s)}
        row = await self._database.write(lambda tx: tx.one("claim_ask", **about, **seen))
        return row is not None

    async def postpone(self, room_ids: Sequence[UUID], *, again_s: float) -> None:
        def work(tx: Transaction) -> None:
            for room_id in room_ids:
                tx.one("postpone_waiting", room_id=room_id, again=_us(again_s))

        await self._database.write(work)

    async def settle(self, room_id: UUID) -> None:
        await self._database.write(lambda tx: tx.one("settle_waiting", room_id=room_id))

    async def may_give_up(self, waiting: Waiting, *, hold_s: float) -> bool:
        asked = {"room_id": waiting.room_id, "since": waiting.since_us, "hold": _us(hold_s)}
        row = await self._database.write(lambda tx: tx.one("give_up_waiting", **asked))
        return row is not None

    async def agent_names(self, *, within_s: float) -> tuple[str, ...]:
        def work(tx: Transaction) -> tuple[str, ...]:
            since = tx.now_us - _us(within_s)
            rows = tx.all("list_agent_names", since=since, limit=NAMES_MAX)
            return tuple(row["name"] for row in rows)

        return await self._database.read(work)


def await_agent(tx: Transaction, name: str, awaited: Awaited) -> None:
    """The room of this name waits for its agent."""
    tx.one(
        "await_agent",
        name=name,
        agent_name=awaited.agent_name,
        asked_at=awaited.asked_at_us,
        pause=_us(awaited.pause_s),
    )


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _waiting(row: Row) -> Waiting:
    return Waiting(
        room_id=row["room_id"],
        name=row["name"],
        conversation_id=row["conversation_id"],
        agent_name=row["agent_name"],
        opened_at_us=row["opened_at"],
        due_at_us=row["due_at"],
        looks=row["looks"],
        asked_at_us=row["asked_at"],
        tries=row["tries"],
        since_us=row["since"],
        is_coming=bool(row["is_coming"]),
    )
