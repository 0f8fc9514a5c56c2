"""Sessions without a holder: who is due, who waits, who is over; and who still speaks for them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from unbroken.log.cause import NO_LOSS
from unbroken.people import Person
from unbroken.store import calls, going, said
from unbroken.store.appending import end_session, leave
from unbroken.store.records import FIRST_ID, Abandoned, CallRoom, Ending, Orphan, Round, Watched
from unbroken.store.taking import CRASH_WINDOW_US
from unbroken.store.transaction import Database, Row, Transaction

PAGE = 100
ROOMS_MAX = 1_000  # looked at in one round

Sids: TypeAlias = dict[UUID, set[str]]  # by call


class StoredWatch:
    """An orphan is claimed by one watcher, and is due again if that one dies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wait(self, wait_s: float) -> None:
        await self._database.wait(wait_s)

    async def next_dispatch_us(self) -> int | None:
        row = await self._database.read(lambda tx: tx.one("next_dispatch"))
        return row["at"] if row else None

    async def claim_orphans(self, *, limit: int, retry_s: float, until_s: float) -> list[Orphan]:
        timing = {"retry": int(retry_s * 1_000_000), "until": int(until_s * 1_000_000)}

        def work(tx: Transaction) -> list[Orphan]:
            rows = tx.all("claim_orphans", limit=limit, **timing)
            return [_orphan(tx, row) for row in rows]

        return await self._database.claim(work)

    async def postpone(
        self, session_id: UUID, term: int, *, first_s: float, most_s: float
    ) -> float | None:
        about = {"session_id": session_id, "term": term}
        pauses = {"first": int(first_s * 1_000_000), "most": int(most_s * 1_000_000)}
        row = await self._database.write(lambda tx: tx.one("postpone", **about, **pauses))
        return row["pause"] / 1_000_000 if row else None

    async def answered(self, session_id: UUID, term: int) -> None:
        about = {"session_id": session_id, "term": term}
        await self._database.write(lambda tx: tx.one("note_answered", **about))

    async def stand_by(self, session_id: UUID, term: int) -> None:
        await self._database.write(lambda tx: tx.one("stand_by", session_id=session_id, term=term))

    async def orphan(self, session_id: UUID, term: int, holder: UUID, *, cause: str) -> bool:
        left = await self._database.write(lambda tx: leave(tx, session_id, term, holder, cause))
        return left is not None

    async def whose(self, call: CallRoom, here: Iterable[Person]) -> bool | None:
        here = tuple(here)
        return await self._database.read(lambda tx: going.whose(tx, call.call_id, here))

    async def rejoined(self, session_id: UUID, term: int) -> bool:
        def work(tx: Transaction) -> bool:
            row = tx.one("rejoined", session_id=session_id, term=term)
            if row is not None:
                tx.wake()
            return row is not None

        return await self._database.write(work)

    async def count_crashes(self, session_id: UUID, *, window_s: float) -> int:
        window = int(window_s * 1_000_000)
        return await self._database.read(lambda tx: _count_crashes(tx, session_id, window))

    async def begin_round(
        self, *, again_s: float, unsure_s: float, late_s: float = 0
    ) -> Round | None:
        times = {"again": again_s, "unsure": unsure_s, "late": late_s}
        asked = {name: int(seconds * 1_000_000) for name, seconds in times.items()}
        row = await self._database.claim(lambda tx: tx.one("begin_round", **asked))
        return Round(row["number"], bool(row["is_unsure"])) if row else None

    async def note_away(self) -> None:
        await self._database.write(lambda tx: tx.one("note_away"))

    async def list_rooms(self, *, limit: int) -> list[str]:
        rows = await self._database.read(lambda tx: tx.all("list_watched_rooms", limit=limit))
        return [row["room_name"] for row in rows]

    async def list_waiting(self, names: Sequence[str]) -> list[Watched]:
        return await self._list("list_waiting", names=list(names))

    async def list_emptied(self, *, within_s: float, after: UUID = FIRST_ID) -> list[Watched]:
        past = int(within_s * 1_000_000)
        return await self._list("list_emptied", past=past, after=after, limit=PAGE)

    async def list_closing(self, *, orphaned_s: float, after: UUID = FIRST_ID) -> list[Watched]:
        past = int(orphaned_s * 1_000_000)
        return await self._list("list_closing", past=past, after=after, limit=PAGE)

    async def list_silent(self, *, listened_us: int, after: UUID = FIRST_ID) -> list[Watched]:
        who = {"own_host": self._database.own_holder, "listened": listened_us}
        return await self._list("list_silent", after=after, limit=PAGE, **who)

    async def note_missing(self, missing: Iterable[Watched], there: Iterable[Watched]) -> None:
        new = [(s.session_id, s.term) for s in missing if s.missing_since_us is None]
        back = [(s.session_id, s.term) for s in there if s.missing_since_us is not None]
        if not new and not back:
            return

        def work(tx: Transaction) -> None:
            tx.many("note_missing", [(*about, tx.now_us) for about in new])
            tx.many("note_missing", [(*about, None) for about in back])

        await self._database.write(work)

    async def list_elsewhere(self, sids: Mapping[str, str]) -> list[Watched]:
        asked = {"names": list(sids), "sids": list(sids.values())}
        return await self._list("list_elsewhere", **asked)

    async def list_former(self, *, within_s: float | None = None) -> dict[str, set[str]]:
        past = None if within_s is None else int(within_s * 1_000_000)

        def work(tx: Transaction) -> list[Row]:
            since = 0 if past is None else tx.now_us - past
            return tx.all("list_former", since=since, limit=ROOMS_MAX)

        found: dict[str, set[str]] = {}
        for row in await self._database.read(work):
            found.setdefault(row["room_name"], set()).add(row["agent_identity"])
        return found

    async def see_room(self, call: CallRoom, sid: str) -> None:
        known = {"call_id": call.call_id, "conversation_id": call.conversation_id}
        await self._database.write(lambda tx: calls.note_sid(tx, call.room_name, sid, known))

    async def list_abandoned(self, *, orphaned_s: float) -> list[Abandoned]:
        past = int(orphaned_s * 1_000_000)
        rows = await self._database.read(
            lambda tx: tx.all("list_abandoned", before=tx.now_us - past, limit=PAGE)
        )
        return [_abandoned(row) for row in rows]

    async def end(self, session_id: UUID, term: int, holder: UUID, *, reason: str) -> bool:
        return await self._database.write(lambda tx: _end(tx, session_id, term, holder, reason))

    async def end_each(self, ends: Iterable[Ending]) -> list[UUID]:
        in_order = sorted(ends, key=lambda ending: ending.session_id)  # in which all lock them

        def work(tx: Transaction) -> list[UUID]:
            return [
                e.session_id for e in in_order if _end(tx, e.session_id, e.term, e.holder, e.reason)
            ]

        return await self._database.write(work)

    async def end_idle(self, *, idle_s: float) -> list[UUID]:
        past = int(idle_s * 1_000_000)

        def work(tx: Transaction) -> list[UUID]:
            asked = {
                "own_host": self._database.own_holder,
                "before": tx.now_us - past,
                "limit": PAGE,
            }
            idle = tx.all("list_idle", **asked)
            for row in idle:
                _end(tx, row["session_id"], row["term"], row["holder"], "idle")
            return [row["session_id"] for row in idle]

        return await self._database.write(work)

    async def _list(self, query: str, **asked: object) -> list[Watched]:
        def work(tx: Transaction) -> list[Watched]:
            rows = tx.all(query, **asked)
            sids = _sids(tx, rows)
            return [_watched(row, sids) for row in rows]

        return await self._database.read(work)


def _end(tx: Transaction, session_id: UUID, term: int, holder: UUID, reason: str) -> bool:
    session = tx.one("get_session", session_id=session_id)
    if session is None or not end_session(tx, session_id, term, holder, reason):
        return False
    tx.one("end_call", call_id=session["call_id"], reason=reason)
    return True


def _count_crashes(tx: Transaction, session_id: UUID, window_us: int) -> int:
    about = {"session_id": session_id, "window": window_us}
    row = tx.one("count_crashes", **about, no_loss=NO_LOSS)
    return int(row["crashes"]) if row else 0


def _orphan(tx: Transaction, row: Row) -> Orphan:
    call = tx.one("get_call_of_session", session_id=row["session_id"])
    assert call is not None  # noqa: S101 - a session has a call
    return Orphan(
        session_id=row["session_id"],
        term=row["term"],
        holder=row["holder"],
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        cause=row["cause"],
        dispatches=row["dispatches"],
        failures=row["failures"],
        crashes=_count_crashes(tx, row["session_id"], CRASH_WINDOW_US),
        orphaned_at_us=row["orphaned_at"],
        is_late=bool(row["is_late"]),
        said=said.get(tx, row["session_id"]),
        call=_call_room(call, _sids(tx, [call])),
    )


def _watched(row: Row, sids: Sids) -> Watched:
    return Watched(
        session_id=row["session_id"],
        term=row["term"],
        holder=row["holder"],
        cause=row["cause"],
        orphaned_at_us=row["orphaned_at"],
        missing_since_us=row["missing_since"],
        agent_name=row["agent_name"],
        agent_identity=row["agent_identity"],
        call=_call_room(row, sids),
    )


def _call_room(row: Row, sids: Sids) -> CallRoom:
    return CallRoom(
        call_id=row["call_id"],
        conversation_id=row["conversation_id"],
        room_name=row["room_name"],
        sids=frozenset(sids[row["call_id"]]),
    )


def _sids(tx: Transaction, rows: Sequence[Row]) -> Sids:
    """Of the rooms of their calls, in one step."""
    found: Sids = defaultdict(set)
    calls_ = list({row["call_id"] for row in rows})
    for row in tx.all("list_sids", calls=calls_) if calls_ else ():
        found[row["call_id"]].add(row["room_sid"])
    return found


def _abandoned(row: Row) -> Abandoned:
    return Abandoned(
        session_id=row["session_id"],
        term=row["term"],
        holder=row["holder"],
        cause=row["cause"],
    )
