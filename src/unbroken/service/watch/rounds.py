"""Once a second: what the rooms on LiveKit say about sessions.

People who came back to an orphan, holders that are gone with their host, agents of an older term
that came back, rooms that a crash of LiveKit left without metadata.
"""

import asyncio
from collections.abc import Iterable

import structlog

from unbroken.dispatch import first_said
from unbroken.errors import NotFound, RoomServerUnavailable
from unbroken.log.cause import EMPTY, HOST_LOST
from unbroken.service.livekit_rooms import LiveRoom
from unbroken.service.parts import Parts
from unbroken.service.room_metadata import conversation_of
from unbroken.store.records import CallRoom, Watched

LIVE_PULSES = 2  # rooms of live sessions are looked at every so many rounds
FORMER_PULSES = 10  # agents of older terms, when the takeover is longer ago than...
FRESH_S = 60.0
EXPECTED_US = 60_000_000  # people come back by themselves to a room that LiveKit forgot
ASKED_AT_ONCE = 8
JUDGED_AT_ONCE = 32  # each may take the seconds that a lost agent does not answer in

log = structlog.get_logger()


class Rounds:
    def __init__(self, parts: Parts) -> None:
        self._store, self._livekit = parts.store, parts.livekit
        self._opening, self._env = parts.opening, parts.env
        self._steadiness = parts.steadiness
        self._reconnect_us = int(parts.settings.reconnect_s * 1_000_000)
        self._failed_us: int | None = None  # when LiveKit last did not answer, since boot
        self._is_away = False
        self.count = 0

    async def round(self) -> None:
        """Look once. Raises RoomServerUnavailable, ArchiveUnavailable; the next round goes on."""
        self.count += 1
        try:
            await self._round()
        except RoomServerUnavailable as error:
            self.note_failure(error)
            raise
        self._is_away = False

    async def _round(self) -> None:
        watch = self._store.watch
        waiting = [w for w in await watch.list_waiting() if w.agent_name is not None]
        silent = await watch.list_silent(listened_us=self._steadiness.listened_us())
        live = await watch.list_live() if self.count % LIVE_PULSES == 0 else []
        rooms = await self.rooms_of([*waiting, *silent, *live])
        await self._welcome(waiting, rooms)
        await self._judge(silent, rooms)
        await self._mend(live, rooms)
        await self._send_out()

    async def rooms_of(self, watched: Iterable[Watched]) -> dict[str, LiveRoom]:
        """The rooms that LiveKit has, by name. Raises RoomServerUnavailable."""
        names = sorted({session.call.room_name for session in watched})
        found = await self._livekit.list(names) if names else []
        return {room.name: room for room in found}

    @property
    def is_unsure(self) -> bool:
        """LiveKit was away a moment ago: who is missing in its rooms may be on the way back."""
        failed = self._failed_us
        return failed is not None and self._env.boot_us() - failed < self._reconnect_us

    def note_failure(self, error: RoomServerUnavailable) -> None:
        self._failed_us = self._env.boot_us()
        if not self._is_away:
            log.warning("LiveKit away, nothing is judged", error=str(error))
        self._is_away = True

    async def _welcome(self, waiting: list[Watched], rooms: dict[str, LiveRoom]) -> None:
        """Orphans whose people are back are due; if others are there, these get an agent."""
        turned: set[str] = set()
        for session in waiting:
            room = rooms.get(session.call.room_name)
            if room is None or room.name in turned:
                continue
            there = [p.person for p in await self._livekit.participants(room.name) if p.is_person]
            if not there:
                continue
            is_theirs = await self._store.watch.whose(session.call, there)
            is_expected = is_theirs or self._is_expected(session)
            if not is_room_of(room, session.call, is_expected=is_expected):
                continue
            if is_theirs is not False:
                await self._call_back(session)
            elif room.sid in session.call.sids and await self._turn_over(session):
                turned.add(room.name)

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

    async def _judge(self, silent: list[Watched], rooms: dict[str, LiveRoom]) -> None:
        """A holder is lost with its host when LiveKit has lost it too, or it does not answer."""
        there = [session for session in silent if _is_there(session, rooms)]
        missing = [session for session in silent if session not in there]
        await self._store.watch.note_missing(missing, there)
        if self.is_unsure:
            return
        turns = asyncio.Semaphore(JUDGED_AT_ONCE)

        async def judge(session: Watched) -> None:
            async with turns:
                if await self._is_lost(session, rooms):
                    await self._orphan(session)

        await asyncio.gather(*(judge(session) for session in silent))

    async def _is_lost(self, session: Watched, rooms: dict[str, LiveRoom]) -> bool:
        if not _is_there(session, rooms):
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

    async def _mend(self, live: list[Watched], rooms: dict[str, LiveRoom]) -> None:
        """A room that came back after a crash of LiveKit gets its metadata again."""
        for session in live:
            room = rooms.get(session.call.room_name)
            if room is None or room.sid in session.call.sids or conversation_of(room.metadata):
                continue
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

    async def _send_out(self) -> None:
        """An agent that was taken for dead and thaws rejoins with its own token: not for long."""
        is_long = self.count % FORMER_PULSES == 0
        former = await self._store.watch.list_former(within_s=None if is_long else FRESH_S)
        turns = asyncio.Semaphore(ASKED_AT_ONCE)

        async def look(name: str, identities: set[str]) -> None:
            async with turns:
                for p in await self._livekit.participants(name):
                    if p.identity in identities and await self._livekit.remove(name, p.identity):
                        log.warning("agent of an older term removed", room=name, agent=p.identity)

        await asyncio.gather(*(look(name, identities) for name, identities in former.items()))


def is_room_of(room: LiveRoom, call: CallRoom, *, is_expected: bool) -> bool:
    """Whether this is the call's room, not another one that has taken its name.

    `is_expected`: one that says nothing may be it, because LiveKit forgot what it said.
    """
    named = conversation_of(room.metadata)
    if room.sid in call.sids or named == call.conversation_id:
        return True
    return named is None and is_expected


def _is_there(session: Watched, rooms: dict[str, LiveRoom]) -> bool:
    room = rooms.get(session.call.room_name)
    return room is not None and is_room_of(room, session.call, is_expected=True)
