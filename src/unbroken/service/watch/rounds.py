"""Once a second, in one service of all: what the rooms on LiveKit say about sessions.

People who came back to an orphan, holders that are gone with their host, agents of an older term
that came back, rooms that a crash of LiveKit left without metadata.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import islice
from uuid import UUID

import structlog

from unbroken.dispatch import first_said
from unbroken.errors import NotFound
from unbroken.log.cause import EMPTY, HOST_LOST
from unbroken.service.livekit_rooms import LiveRoom
from unbroken.service.parts import ServiceParts
from unbroken.service.room_metadata import conversation_of
from unbroken.store.records import FIRST_ID, CallRoom, Round, Watched

NAMED_MAX = 500  # rooms that are asked for by name; if there are more, all are
COUNTED_S = (
    8.0  # LiveKit counts who is in a room every five seconds, and an agent leaves behind them
)
LIVE_PULSES = 2  # rooms of live sessions are looked at every so many rounds
FORMER_PULSES = 10  # agents of older terms, when the takeover is longer ago than...
FRESH_S = 60.0
EXPECTED_US = 60_000_000  # people come back by themselves to a room that LiveKit forgot
ASKED_AT_ONCE = 8
JUDGED_AT_ONCE = 32  # each may take the seconds that a lost agent does not answer in

log = structlog.get_logger()


class Rounds:
    """Each round brings what the store says of sessions up to what LiveKit says of their rooms.
    What LiveKit does not answer for is not judged."""

    def __init__(self, parts: ServiceParts) -> None:
        self._store, self._livekit = parts.store, parts.livekit
        self._opening, self._env = parts.opening, parts.env
        self._steadiness = parts.steadiness
        self._reconnect_us = int(parts.settings.reconnect_s * 1_000_000)

    async def round(self, this: Round) -> None:
        """Look once. Raises RoomServerUnavailable, ArchiveUnavailable; the next round goes on."""
        rooms = await self.rooms()
        await self._welcome(rooms, this)
        async for silent in pages(self._silent):
            await self._judge(silent, rooms, this)
        if this.number % LIVE_PULSES == 0:
            await self._mend(rooms)
        await self._send_out(is_long=this.number % FORMER_PULSES == 0)

    async def rooms(self) -> dict[str, LiveRoom]:
        """The rooms that LiveKit has, by name: those of sessions, at least. Raises
        RoomServerUnavailable."""
        names = sorted(await self._store.watch.list_rooms(limit=NAMED_MAX))
        if not names:
            return {}
        found = await self._livekit.list(names if len(names) < NAMED_MAX else None)
        return {room.name: room for room in found}

    async def _silent(self, after: UUID) -> list[Watched]:
        listened_us = self._steadiness.listened_us()
        return await self._store.watch.list_silent(listened_us=listened_us, after=after)

    async def _welcome(self, rooms: dict[str, LiveRoom], this: Round) -> None:
        """Orphans whose people are back are due; if others are there, these get an agent."""
        by_room: dict[str, list[Watched]] = {}
        for session in await self._may_be_back(rooms, this):
            by_room.setdefault(session.call.room_name, []).append(session)
        turns = asyncio.Semaphore(ASKED_AT_ONCE)

        async def look(name: str) -> None:
            async with turns:
                await self._look_into(rooms[name], by_room[name])

        await asyncio.gather(*map(look, by_room))

    async def _may_be_back(self, rooms: dict[str, LiveRoom], this: Round) -> list[Watched]:
        """Orphans in rooms with somebody in them. LiveKit counts late, so of those who were left a
        moment ago half are looked after in one round, half in the next, whatever it counts."""
        busy = [room.name for room in rooms.values() if room.participants]
        found: dict[UUID, Watched] = {}
        for names in batched(busy, NAMED_MAX):
            found |= {w.session_id: w for w in await self._store.watch.list_waiting(names)}
        async for page in pages(self._emptied):
            turn = [w for w in page if (w.session_id.int + this.number) % 2]
            found |= {w.session_id: w for w in turn if w.call.room_name in rooms}
        return list(found.values())

    async def _emptied(self, after: UUID) -> list[Watched]:
        return await self._store.watch.list_emptied(within_s=COUNTED_S, after=after)

    async def _look_into(self, room: LiveRoom, waiting: list[Watched]) -> None:
        there = [p.person for p in await self._livekit.participants(room.name) if p.is_person]
        for session in waiting if there else ():
            is_theirs = await self._store.watch.whose(session.call, there)
            is_expected = is_theirs or self._is_expected(session)
            if not is_room_of(room, session.call, is_expected=is_expected):
                continue
            if is_theirs is not False:
                await self._call_back(session)
            elif room.sid in session.call.sids and await self._turn_over(session):
                return

    async def _call_back(self, session: Watched) -> None:
        if await self._store.watch.rejoined(session.session_id, session.term):
            name = session.call.room_name
            log.info("people are back", session_id=str(session.session_id), room=name)

    async def _turn_over(self, session: Watched) -> bool:
        """Others are in the room of a call whose people have left, and its agent with them."""
        name, agent_name = session.call.room_name, session.agent_name or ""
        said = first_said(a.said for a in await self._livekit.dispatches(name, agent_name))
        return await self._opening.turn_over(name, agent_name=agent_name, said=said) is not None

    def _is_expected(self, session: Watched) -> bool:
        since = session.orphaned_at_us
        is_recent = since is not None and self._env.now_us() - since < EXPECTED_US
        return session.cause != EMPTY and is_recent

    async def _judge(self, silent: list[Watched], rooms: dict[str, LiveRoom], this: Round) -> None:
        """A holder is lost with its host when LiveKit has lost it too, or it does not answer."""
        there = [session for session in silent if is_there(session, rooms)]
        missing = [session for session in silent if session not in there]
        await self._store.watch.note_missing(missing, there)
        if this.is_unsure:
            return
        turns = asyncio.Semaphore(JUDGED_AT_ONCE)

        async def judge(session: Watched) -> None:
            async with turns:
                if await self._is_lost(session, rooms):
                    await self._orphan(session)

        await asyncio.gather(*(judge(session) for session in silent))

    async def _is_lost(self, session: Watched, rooms: dict[str, LiveRoom]) -> bool:
        if not is_there(session, rooms):
            now_us = self._env.now_us()
            return now_us - (session.missing_since_us or now_us) >= self._reconnect_us
        room = rooms.get(session.call.room_name)
        if room is None or self._env.now_us() - room.created_at_us < self._reconnect_us:
            return False
        agent = session.agent_identity
        there = await self._livekit.participants(room.name)
        if agent is None or all(p.identity != agent for p in there):
            return True
        return await self._livekit.answers(room.name, agent) is False

    async def _orphan(self, session: Watched) -> None:
        if await self._store.watch.orphan(
            session.session_id, session.term, session.holder, cause=HOST_LOST
        ):
            log.warning("host lost", session_id=str(session.session_id), term=session.term)

    async def _mend(self, rooms: dict[str, LiveRoom]) -> None:
        """A room that came back after a crash of LiveKit gets its metadata again."""
        bare = {r.name: r.sid for r in rooms.values() if conversation_of(r.metadata) is None}
        for names in batched(bare, NAMED_MAX):
            sids = {name: bare[name] for name in names}
            for session in await self._store.watch.list_elsewhere(sids):
                room = rooms[session.call.room_name]
                there = await self._livekit.participants(room.name)
                if any(p.identity == session.agent_identity for p in there):
                    await self._rename(session.call, room)

    async def _rename(self, call: CallRoom, room: LiveRoom) -> None:
        try:
            await self._opening.name_again(room.name, call.conversation_id)
        except NotFound:
            return  # gone again
        await self._store.watch.see_room(call, room.sid)
        log.info("room metadata restored", room=room.name, sid=room.sid, call_id=str(call.call_id))

    async def _send_out(self, *, is_long: bool) -> None:
        """An agent that was taken for dead and thaws rejoins with its own token: not for long."""
        former = await self._store.watch.list_former(within_s=None if is_long else FRESH_S)
        turns = asyncio.Semaphore(ASKED_AT_ONCE)

        async def look(name: str, identities: set[str]) -> None:
            async with turns:
                for p in await self._livekit.participants(name):
                    if p.identity in identities and await self._livekit.remove(name, p.identity):
                        log.warning("agent of an older term removed", room=name, agent=p.identity)

        await asyncio.gather(*(look(name, identities) for name, identities in former.items()))


async def pages(
    read: Callable[[UUID], Awaitable[list[Watched]]],
) -> AsyncIterator[list[Watched]]:
    """All pages of a list in the order of ids."""
    after = FIRST_ID
    while page := await read(after):
        yield page
        after = page[-1].session_id


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(names)
    while batch := list(islice(left, size)):
        yield batch


def is_room_of(room: LiveRoom, call: CallRoom, *, is_expected: bool) -> bool:
    """Whether this is the call's room, not another one that has taken its name.

    `is_expected`: one that says nothing may be it, because LiveKit forgot what it said.
    """
    named = conversation_of(room.metadata)
    if room.sid in call.sids or named == call.conversation_id:
        return True
    return named is None and is_expected


def is_there(session: Watched, rooms: dict[str, LiveRoom]) -> bool:
    room = rooms.get(session.call.room_name)
    return room is not None and is_room_of(room, session.call, is_expected=True)
