"""Rooms that were opened with an agent get it, or their people are told that none comes.

Only rooms that wait are looked at. An agent that has taken the session ends the wait, and so does
anybody's agent in the room: of one without unbroken nothing else is ever known.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from unbroken.errors import NotFound, RoomServerUnavailable, UnbrokenError
from unbroken.service.livekit_rooms import LiveRoom
from unbroken.service.parts import ServiceParts
from unbroken.service.room_metadata import conversation_of
from unbroken.store.records import Waiting

IDLE_S = 0.5  # nothing is due
HOLD_S = 15.0  # one look is over by then, however slow LiveKit is
CLAIMED_MAX = 500
ASKED_AT_ONCE = 16
AGAIN_S = 1.0  # after LiveKit did not answer
EMPTY_S = 8.0  # looks at a room without people: 1, 2, 4, then 8 s apart
GONE_S = 60.0  # people come back by themselves to a room that LiveKit forgot

log = structlog.get_logger()


class FirstAgents:
    """Every room that waits for its first agent is looked at until it has one, has closed, or is
    given up."""

    def __init__(self, parts: ServiceParts) -> None:
        self._waiting, self._livekit = parts.store.waiting, parts.livekit
        self._opening, self._first = parts.opening, parts.opening.first
        self._env, self._settings = parts.env, parts.settings
        self._turns = asyncio.Semaphore(ASKED_AT_ONCE)
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    async def step(self) -> float:
        """Begin to look at all that are due; the seconds until it is worth looking again.

        Raises ArchiveUnavailable, RoomServerUnavailable; what was claimed is due again.
        """
        due_us = await self._waiting.next_due_us()
        if due_us is None:
            return IDLE_S
        if (wait_us := due_us - self._env.now_us()) > 0:
            return min(wait_us / 1_000_000, IDLE_S)
        claimed = await self._waiting.claim(limit=CLAIMED_MAX, hold_s=HOLD_S)
        if claimed:
            rooms = await self._rooms(claimed)
            for waiting in claimed:
                self._begin(waiting, rooms.get(waiting.name))
        return 0 if len(claimed) == CLAIMED_MAX else IDLE_S

    async def _rooms(self, claimed: Sequence[Waiting]) -> dict[str, LiveRoom]:
        try:
            rooms = await self._livekit.list([waiting.name for waiting in claimed])
        except RoomServerUnavailable:
            await self._waiting.postpone([w.room_id for w in claimed], again_s=AGAIN_S)
            raise
        return {room.name: room for room in rooms}

    def _begin(self, waiting: Waiting, room: LiveRoom | None) -> None:
        """In a task: a LiveKit that is slow for one room holds up no other."""
        if waiting.room_id in self._tasks:
            return
        task = asyncio.create_task(self._look(waiting, room), name=f"first {waiting.name}")
        self._tasks[waiting.room_id] = task
        task.add_done_callback(lambda done: self._finish(waiting, done))

    def _finish(self, waiting: Waiting, task: asyncio.Task[None]) -> None:
        self._tasks.pop(waiting.room_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("look at a waiting room failed", exc_info=error, room=waiting.name)

    async def aclose(self) -> None:
        """Stop; what was begun and not done is due again."""
        for task in (tasks := list(self._tasks.values())):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _look(self, waiting: Waiting, room: LiveRoom | None) -> None:
        try:
            async with self._turns:
                await self._serve(waiting, room)
        except RoomServerUnavailable as error:
            log.warning("dispatch postponed", room=waiting.name, error=str(error))
            await self._waiting.postpone([waiting.room_id], again_s=AGAIN_S)
        except UnbrokenError as error:  # due again after HOLD_S
            log.warning("look at a waiting room failed", code=error.code, room=waiting.name)

    async def _serve(self, waiting: Waiting, room: LiveRoom | None) -> None:
        if room is None:
            await self._miss(waiting)
            return
        named = conversation_of(room.metadata)
        there = await self._livekit.participants(room.name) if room.participants else ()
        if any(p.is_agent for p in there) or named not in (None, waiting.conversation_id):
            await self._waiting.settle(waiting.room_id)
        elif not any(p.is_person for p in there):
            await self._again(waiting, has_people=False)
        elif self._is_late(waiting):
            await self._give_up(waiting)
        elif named is None:  # LiveKit forgot it, and its people came back
            await self._opening.open(room.name)
        else:
            await self._first.ask(waiting, has_people=True)

    async def _miss(self, waiting: Waiting) -> None:
        """LiveKit has no such room: it closed it, or it forgot all rooms when it started again."""
        since = waiting.since_us or waiting.opened_at_us
        if self._env.now_us() - since > GONE_S * 1_000_000:
            await self._waiting.settle(waiting.room_id)
        else:
            await self._again(waiting, has_people=waiting.since_us is not None)

    async def _again(self, waiting: Waiting, *, has_people: bool) -> None:
        pause_s = min(EMPTY_S, 2.0 ** min(waiting.looks, 8))
        await self._waiting.look(
            waiting.room_id, has_people=has_people, again_s=pause_s, asked=False, is_coming=False
        )

    def _is_late(self, waiting: Waiting) -> bool:
        since = waiting.since_us
        until_us = self._settings.first_agent_s * 1_000_000
        return since is not None and self._env.now_us() - since >= until_us

    async def _give_up(self, waiting: Waiting) -> None:
        if not await self._waiting.may_give_up(waiting, hold_s=HOLD_S):
            return
        policy = self._settings.on_give_up
        log.error("no agent came", room=waiting.name, tries=waiting.tries, do=policy)
        if policy == "close":
            await self._close(waiting.name)
        await self._waiting.settle(waiting.room_id)

    async def _close(self, name: str) -> None:
        """Send everybody out: a caller must not wait in silence."""
        try:
            await self._opening.close(name)
        except NotFound:
            return
