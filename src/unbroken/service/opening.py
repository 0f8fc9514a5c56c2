"""Opening a room: the same one again while it lives, its conversation in its metadata.

LiveKit first, the database after: what fails half-way leaves a room that the next try finds.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import structlog

from unbroken.coordination.admission import UNLIMITED, CallLimits, OpenedRoom
from unbroken.dispatch import NOTHING, Said
from unbroken.env import Env
from unbroken.errors import Conflict, NotFound, RoomServerUnavailable
from unbroken.service import room_metadata
from unbroken.service.first_agent import UNSEEN_S, FirstAgent
from unbroken.service.livekit_rooms import LiveKitRooms, LiveRoom
from unbroken.service.locks import OneAtATime
from unbroken.service.room_metadata import CONVERSATION, conversation_of
from unbroken.store.port import Rooms
from unbroken.store.records import Awaited, Room

log = structlog.get_logger()


class Opening:
    """One at a time for each room: two that open it at once get the same one."""

    def __init__(
        self,
        rooms: Rooms,
        livekit: LiveKitRooms,
        env: Env,
        first: FirstAgent,
        one_at_a_time: OneAtATime,
        *,
        limits: CallLimits = UNLIMITED,
    ) -> None:
        self._rooms, self._limits = rooms, limits
        self._one_at_a_time = one_at_a_time
        self.first = first
        self._livekit = livekit
        self._env = env

    async def open(
        self,
        name: str,
        *,
        conversation_id: UUID | None = None,
        user_id: str | None = None,
        identity: str | None = None,
        agents: Sequence[str] = (),
    ) -> Room:
        """`identity`: who is about to join, and may be awaited there. `agents`: the names of those
        that are asked for where the room has no agent yet; the first one is waited for.

        Raises Conflict if the room lives with another conversation, LimitReached if it would begin
        a call more than there may be.
        """
        is_named = conversation_id is not None
        async with self._locked(name):
            live = await self._livekit.find(name)
            named = agents or await self._named_agents(name)
            names = named or (self.first.name,)
            if live is None:
                asked_at_us = self._env.now_us()
                awaits: Awaited | None = self.first.awaited(names[0], asked_at_us=asked_at_us)
                who = (user_id, identity)
                live, conversation_id = await self._create(name, conversation_id, who, names)
            else:
                awaits = await self._lacks(live, names[0])
                conversation_id = await self._join(live, conversation_id, user_id, identity)
                theirs = conversation_of(live.metadata)
                is_named = is_named or (
                    theirs == conversation_id and not await self._is_ours(live, conversation_id)
                )
            room = await self._rooms.put(
                name,
                conversation_id=conversation_id,
                sid=live.sid,
                user_id=user_id,
                is_named=is_named,
                awaits=awaits,
                agents=named,
            )
            if awaits and awaits.asked_at_us is None:
                await self.first.call(name)
                await self._call_others(name, names[1:])
            return room

    async def turn_over(self, name: str, *, agent_name: str, said: Said) -> Room | None:
        """The call of a room has lost its people, and others are there: a conversation of their
        own, and an agent for it. None if the room is gone or has an agent."""
        async with self._locked(name):
            live = await self._livekit.find(name)
            if live is None or await self._livekit.has_agent(name):
                return None
            conversation_id = await self._turn(live)
            asked = Awaited(agent_name, self._env.now_us(), UNSEEN_S)
            room = await self._rooms.put(
                name, conversation_id=conversation_id, sid=live.sid, user_id=None, awaits=asked
            )
            await self._livekit.dispatch(name, agent_name=agent_name, said=said)
        log.info("room turned over", room=name, conversation_id=str(conversation_id))
        return room

    async def merge(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        """Put the keys of `change` into room.metadata and keep all others. Raises NotFound, and
        InvalidInput before anything is changed."""
        async with self._locked(name):
            live = await self._there(name)
            room_metadata.check(change, live.metadata)
            return await self._merge(live, change)

    async def name_again(self, name: str, conversation_id: UUID) -> None:
        """A room that LiveKit forgot says again what it is about. Raises NotFound."""
        async with self._locked(name):
            await self._merge(await self._there(name), {CONVERSATION: str(conversation_id)})

    async def close(self, name: str) -> None:
        """Send everybody out. Raises NotFound."""
        async with self._locked(name):
            was_live = await self._livekit.delete(name)
            was_known = await self._rooms.close(name)
        if not was_live and not was_known:
            raise NotFound(f"no room {name}")
        log.info("room closed", room=name)

    def _locked(self, name: str) -> AbstractAsyncContextManager[None]:
        return self._one_at_a_time(f"room {name}")

    async def _there(self, name: str) -> LiveRoom:
        if live := await self._livekit.find(name):
            return live
        raise NotFound(f"no room {name}")

    async def _named_agents(self, name: str) -> Sequence[str]:
        """Those that the application has named for it."""
        room = await self._rooms.get(name)
        return room.agents if room else ()

    async def _call_others(self, name: str, agents: Sequence[str]) -> None:
        for agent in agents:
            if not await self._livekit.dispatches(name, agent):
                await self._livekit.dispatch(name, agent_name=agent, said=NOTHING)

    async def _create(
        self,
        name: str,
        wanted: UUID | None,
        who: tuple[str | None, str | None],
        agents: Sequence[str],
    ) -> tuple[LiveRoom, UUID]:
        user_id, identity = who
        goes_on = await self._rooms.goes_on(name, identity)
        conversation_id = wanted or goes_on or self._env.new_id()
        await self._admit(name, conversation_id, user_id)
        metadata = json.dumps({CONVERSATION: str(conversation_id)})
        said = {a: await self._rooms.said(name, conversation_id, a) or NOTHING for a in agents}
        try:
            live = await self._livekit.create(name, metadata=metadata, agents=said)
        except RoomServerUnavailable:
            await self._rooms.leave(name)  # while LiveKit is away, nobody has a place for nothing
            raise
        log.info("room opened", room=name, sid=live.sid, conversation_id=str(conversation_id))
        return live, conversation_id

    async def _admit(self, name: str, conversation_id: UUID | None, user_id: str | None) -> None:
        """Raises LimitReached."""
        if self._limits.is_any:
            room = OpenedRoom(name, conversation_id, user_id)
            await self._rooms.admit(room, limits=self._limits)

    async def _join(
        self, live: LiveRoom, wanted: UUID | None, user_id: str | None, identity: str | None
    ) -> UUID:
        known = await self._about(live) or await self._rooms.goes_on(live.name, identity)
        if known and wanted and known != wanted:
            raise Conflict(f"room {live.name} is about another conversation; close it first")
        is_others = known and not wanted and not await self._is_for(live, known, identity)
        await self._admit(live.name, None if is_others else known or wanted, user_id)
        if is_others:
            return await self._turn(live)
        conversation_id = known or wanted or self._env.new_id()
        if conversation_of(live.metadata) != conversation_id:
            await self._merge(live, {CONVERSATION: str(conversation_id)})
        return conversation_id

    async def _turn(self, live: LiveRoom) -> UUID:
        """A conversation of their own for those who come into this room now."""
        conversation_id = self._env.new_id()
        await self._merge(live, {CONVERSATION: str(conversation_id)})
        await self._rooms.turn(live.sid)
        return conversation_id

    async def _lacks(self, live: LiveRoom, agent: str) -> Awaited | None:
        """A room that is opened again may have lost its agent, when its people had left."""
        return None if await self._livekit.has_agent(live.name) else self.first.awaited(agent)

    async def _is_for(self, live: LiveRoom, known: UUID, identity: str | None) -> bool:
        """Whether who comes belongs to what the room is about; whoever is there has company."""
        is_free = await self._rooms.is_free_for(live.name, known, identity)
        return is_free or await self._has_people(live)

    async def _about(self, live: LiveRoom) -> UUID | None:
        """What its metadata say; what we wrote there ourselves may be of an earlier call."""
        named, room = conversation_of(live.metadata), await self._rooms.get(live.name)
        is_ours = named is None or await self._is_ours(live, named)
        if is_ours and room and room.sid == live.sid:
            return room.conversation_id
        return named

    async def _is_ours(self, live: LiveRoom, named: UUID) -> bool:
        return await self._rooms.is_own_word(live.name, live.sid, named)

    async def _has_people(self, live: LiveRoom) -> bool:
        return any(p.is_person for p in await self._livekit.participants(live.name))

    async def _merge(self, live: LiveRoom, change: dict[str, Any]) -> dict[str, Any]:
        metadata, text = room_metadata.merged(live.metadata, change)
        await self._livekit.set_metadata(live.name, text)
        return metadata
