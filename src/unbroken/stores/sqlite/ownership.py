"""Sessions without a holder: who is due, who waits, who is over; and who still speaks for them."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from unbroken.dispatch import Said
from unbroken.people import Person
from unbroken.stores.sqlite import calls, going, said
from unbroken.stores.sqlite.appending import end_session, leave
from unbroken.stores.sqlite.database import Database, Row, Transaction
from unbroken.stores.sqlite.taking import CRASH_WINDOW_US

PAGE = 100
ROOMS_MAX = 1_000  # looked at in one round


class CallRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A call and the room it is in, by all sids under which it was seen."""

    call_id: UUID
    conversation_id: UUID
    room_name: str
    sids: frozenset[str]


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was claimed for a dispatch.

    `crashes` in two minutes; `is_late`: dispatches have been tried for long enough.
    """

    session_id: UUID
    term: int
    holder: UUID
    agent_name: str
    agent_identity: str | None
    cause: str | None
    dispatches: int
    crashes: int
    orphaned_at_us: int
    is_late: bool
    said: Said | None  # what the application's dispatch said, if it is known
    call: CallRoom


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A session to look at; `is_closed`: its room was closed, or is about something else now."""

    session_id: UUID
    term: int
    holder: UUID
    cause: str | None
    orphaned_at_us: int | None
    agent_name: str | None  # None: nobody can be dispatched for it
    agent_identity: str | None
    is_closed: bool
    call: CallRoom


class Abandoned(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has been orphaned for long."""

    session_id: UUID
    term: int
    holder: UUID
    cause: str | None


class SqliteOwnership:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._own_host = database.own_holder

    async def next_dispatch_us(self) -> int | None:
        """When the next dispatch is due, by the wall clock; None: nothing will be."""
        row = await self._database.read(lambda tx: tx.one("next_dispatch"))
        return row["at"] if row else None

    async def claim_orphans(self, *, limit: int, retry_s: float, until_s: float) -> list[Orphan]:
        """Those whose dispatch is due now; each again after `retry_s`, then twice, then always
        four times as long: a worker that is only slow must not drown in further jobs. They are
        late when LiveKit has answered for them for `until_s` and nobody has taken them."""
        timing = {"retry": int(retry_s * 1_000_000), "until": int(until_s * 1_000_000)}

        def work(tx: Transaction) -> list[Orphan]:
            rows = tx.all("claim_orphans", limit=limit, **timing)
            return [_orphan(tx, row) for row in rows]

        return await self._database.write(work)

    async def postpone(self, session_id: UUID, term: int, *, wait_s: float) -> None:
        """LiveKit did not answer for it: due again after `wait_s`; nothing of it is counted."""
        wait = int(wait_s * 1_000_000)
        await self._database.write(
            lambda tx: tx.one("postpone", session_id=session_id, term=term, wait=wait)
        )

    async def stand_by(self, session_id: UUID, term: int) -> None:
        """Nobody is there: nothing is due until people have `rejoined`."""
        await self._database.write(lambda tx: tx.one("stand_by", session_id=session_id, term=term))

    async def orphan(self, session_id: UUID, term: int, holder: UUID, *, cause: str) -> bool:
        """Or end it, if its holder had hung up. False if the session has moved on."""
        left = await self._database.write(lambda tx: leave(tx, session_id, term, holder, cause))
        return left is not None

    async def whose(self, call: CallRoom, here: Iterable[Person]) -> bool | None:
        """Whether the call goes on for these people in its room; None: it had nobody yet."""
        here = tuple(here)
        return await self._database.read(lambda tx: going.whose(tx, call.call_id.bytes, here))

    async def rejoined(self, session_id: UUID, term: int) -> bool:
        """People are back in the room of an orphan: its dispatch is due."""
        row = await self._database.write(
            lambda tx: tx.one("rejoined", session_id=session_id, term=term)
        )
        return row is not None

    async def count_crashes(self, session_id: UUID, *, window_s: float) -> int:
        window = int(window_s * 1_000_000)
        return await self._database.read(lambda tx: _count_crashes(tx, session_id, window))

    async def list_waiting(self) -> list[Watched]:
        """Orphans for whom nothing is due, the newest first."""
        return await self._list("list_waiting")

    async def list_silent(self, *, listened_us: int) -> list[Watched]:
        """Held on a host whose lease is over; `listened_us`: how long it could have been heard."""
        return await self._list("list_silent", own_host=self._own_host, listened=listened_us)

    async def list_live(self) -> list[Watched]:
        return await self._list("list_live")

    async def list_former(self, *, within_s: float | None = None) -> dict[str, set[str]]:
        """By room name: the identities of earlier holders of sessions that are live; of those
        that were taken `within_s`."""
        past = None if within_s is None else int(within_s * 1_000_000)

        def work(tx: Transaction) -> list[Row]:
            since = 0 if past is None else tx.now_us - past
            return tx.all("list_former", since=since, limit=ROOMS_MAX)

        found: dict[str, set[str]] = {}
        for row in await self._database.read(work):
            found.setdefault(row["room_name"], set()).add(row["agent_identity"])
        return found

    async def see_room(self, call: CallRoom, sid: str) -> None:
        """The room of the call has a further sid."""
        known = {"call_id": call.call_id, "conversation_id": call.conversation_id}
        await self._database.write(lambda tx: calls.note_sid(tx, call.room_name, sid, known))

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

    async def end_idle(self, *, idle_s: float) -> list[UUID]:
        """End what was saved over REST and has been idle for `idle_s`; the sessions."""
        past = int(idle_s * 1_000_000)

        def work(tx: Transaction) -> list[UUID]:
            asked = {"own_host": self._own_host, "before": tx.now_us - past, "limit": PAGE}
            idle = tx.all("list_idle", **asked)
            for row in idle:
                _end(tx, row["session_id"], row["term"], row["holder"], "idle")
            return [UUID(bytes=row["session_id"]) for row in idle]

        return await self._database.write(work)

    async def _list(self, query: str, **asked: object) -> list[Watched]:
        def work(tx: Transaction) -> list[Watched]:
            return [_watched(tx, row) for row in tx.all(query, limit=ROOMS_MAX, **asked)]

        return await self._database.read(work)


def _end(tx: Transaction, session_id: bytes, term: int, holder: bytes, reason: str) -> bool:
    session = tx.one("get_session", session_id=session_id)
    if session is None or not end_session(tx, session_id, term, holder, reason):
        return False
    tx.one("end_call", call_id=session["call_id"], reason=reason)
    return True


def _count_crashes(tx: Transaction, session_id: UUID | bytes, window_us: int) -> int:
    row = tx.one("count_crashes", session_id=session_id, window=window_us)
    return int(row["crashes"]) if row else 0


def _orphan(tx: Transaction, row: Row) -> Orphan:
    call = tx.one("get_call_of_session", session_id=row["session_id"])
    assert call is not None  # noqa: S101 - a session has a call
    return Orphan(
        session_id=UUID(bytes=row["session_id"]),
        term=row["term"],
        holder=UUID(bytes=row["holder"]),
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        cause=row["cause"],
        dispatches=row["dispatches"],
        crashes=_count_crashes(tx, row["session_id"], CRASH_WINDOW_US),
        orphaned_at_us=row["orphaned_at"],
        is_late=bool(row["is_late"]),
        said=said.get(tx, row["session_id"]),
        call=_call_room(tx, call),
    )


def _watched(tx: Transaction, row: Row) -> Watched:
    return Watched(
        session_id=UUID(bytes=row["session_id"]),
        term=row["term"],
        holder=UUID(bytes=row["holder"]),
        cause=row["cause"],
        orphaned_at_us=row["orphaned_at"],
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        is_closed=bool(row["is_closed"]),
        call=_call_room(tx, row),
    )


def _call_room(tx: Transaction, row: Row) -> CallRoom:
    sids = tx.all("list_sids", call_id=row["call_id"])
    return CallRoom(
        call_id=UUID(bytes=row["call_id"]),
        conversation_id=UUID(bytes=row["conversation_id"]),
        room_name=row["room_name"],
        sids=frozenset(sid["room_sid"] for sid in sids),
    )


def _abandoned(row: Row) -> Abandoned:
    return Abandoned(
        session_id=UUID(bytes=row["session_id"]),
        term=row["term"],
        holder=UUID(bytes=row["holder"]),
        cause=row["cause"],
    )
