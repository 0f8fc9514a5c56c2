"""Failover: a session that lost its agent gets another one, or is given up in a way people notice.

Theory of operation
-------------------
A dispatch is a hope: LiveKit takes it without an error and may lose it. What counts is that the
term moves. So an orphan is claimed with the time at which it is due again, and only a take, an end,
or a room without its people stops that; what this process had begun and lost is due after it, too.

Each claim is one try, in a task: look who is in the room; with nobody of the call there, stand by
until somebody is back; give up beyond the bounds of crashes and time; else remove the participant
of the last holder and dispatch, with what the application's dispatch said and a pointer to the
session. A LiveKit that does not answer makes no try: the orphan is postponed, each time for longer.
"""

import asyncio
from uuid import UUID

import structlog

from unbroken.dispatch import Pointer, Said, first_said, with_pointer
from unbroken.errors import NotFound, RoomServerUnavailable, UnbrokenError
from unbroken.log.cause import PROVIDER_LOST
from unbroken.service.parts import ServiceParts
from unbroken.service.watch.rounds import is_room_of
from unbroken.store.records import Orphan

LOOK_S = 0.25  # nothing is due
DUE_S = 0.05  # something is
CLAIMED_MAX = 50
BACKOFF_S = (0.25, 2.0)  # the first pause when LiveKit does not answer; doubled up to the second
CLOSE_TRIES = 15
PROVIDER_TRIES = 2

log = structlog.get_logger()


class Failover:
    """Every orphan that is due gets a try, one at a time, until an agent has taken it, it has
    ended, or its people have left."""

    def __init__(self, parts: ServiceParts) -> None:
        self._store, self._livekit = parts.store, parts.livekit
        self._opening, self._settings, self._env = parts.opening, parts.settings, parts.env
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    async def step(self) -> float:
        """Begin all dispatches that are due; the seconds until it is worth looking again.

        Raises ArchiveUnavailable; then nothing was begun.
        """
        due_us = await self._store.watch.next_dispatch_us()
        if due_us is None:
            return LOOK_S
        if (wait_us := due_us - self._env.now_us()) > 0:
            return min(wait_us / 1_000_000, LOOK_S)
        given = self._settings
        orphans = await self._store.watch.claim_orphans(
            limit=CLAIMED_MAX, retry_s=given.dispatch_retry_s, until_s=given.dispatch_until_s
        )
        for orphan in orphans:
            self._begin(orphan)
        return 0 if len(orphans) == CLAIMED_MAX else DUE_S

    def _begin(self, orphan: Orphan) -> None:
        """In a task: a LiveKit that is slow for one room holds up no other."""
        if orphan.session_id in self._tasks:
            return
        task = asyncio.create_task(self.serve(orphan), name=f"failover {orphan.session_id}")
        self._tasks[orphan.session_id] = task
        task.add_done_callback(lambda done: self._finish(orphan, done))

    def _finish(self, orphan: Orphan, task: asyncio.Task[None]) -> None:
        self._tasks.pop(orphan.session_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("failover try failed", exc_info=error, **_named(orphan))

    async def aclose(self) -> None:
        """Stop; what was begun and not done is due again after the next start."""
        for task in (tasks := list(self._tasks.values())):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def serve(self, orphan: Orphan) -> None:
        """One try; if it fails, the orphan stays due."""
        try:
            await self._serve(orphan)
            if orphan.failures:
                await self._store.watch.answered(orphan.session_id, orphan.term)
        except RoomServerUnavailable as error:
            await self._postpone(orphan, error)
        except UnbrokenError as error:
            log.warning("failover try failed", code=error.code, **_named(orphan))

    async def _serve(self, orphan: Orphan) -> None:
        if not await self._has_people(orphan):
            await self._store.watch.stand_by(orphan.session_id, orphan.term)
            log.info("nobody of the call in the room, no dispatch", **_named(orphan))
        elif orphan.crashes >= self._crashes_max(orphan):
            await self._give_up(orphan, "crashes")
        elif orphan.is_late:
            await self._give_up(orphan, "nobody_came")
        else:
            await self._dispatch(orphan)

    def _crashes_max(self, orphan: Orphan) -> int:
        """A new process may find the provider back, once; more of them will not."""
        most = self._settings.crashes_max
        return min(most, PROVIDER_TRIES) if orphan.cause == PROVIDER_LOST else most

    async def _has_people(self, orphan: Orphan) -> bool:
        """Of its own: whoever else is in the room is not given this call."""
        name = orphan.call.room_name
        room, there = await asyncio.gather(
            self._livekit.find(name), self._livekit.participants(name)
        )
        if room is None or not is_room_of(room, orphan.call, is_expected=True):
            return False
        people = [p.person for p in there if p.is_person]
        return bool(people) and await self._store.watch.whose(orphan.call, people) is not False

    async def _dispatch(self, orphan: Orphan) -> None:
        name = orphan.call.room_name
        if orphan.agent_identity:
            await self._livekit.remove(name, orphan.agent_identity)
        said = with_pointer(await self._said(orphan), _pointer(orphan))
        await self._livekit.dispatch(name, agent_name=orphan.agent_name, said=said)
        log.info(
            "agent dispatched",
            **_named(orphan),
            tries=orphan.dispatches,
            after_ms=(self._env.now_us() - orphan.orphaned_at_us) // 1_000,
        )

    async def _said(self, orphan: Orphan) -> Said:
        """What the application's dispatch said; what is not kept LiveKit may still list."""
        if orphan.said is not None:
            return orphan.said
        listed = await self._livekit.dispatches(orphan.call.room_name, orphan.agent_name)
        return first_said(asked.said for asked in listed)

    async def _postpone(self, orphan: Orphan, error: RoomServerUnavailable) -> None:
        first_s, most_s = BACKOFF_S
        about = (orphan.session_id, orphan.term)
        try:
            wait_s = await self._store.watch.postpone(*about, first_s=first_s, most_s=most_s)
        except UnbrokenError as unsaid:  # it is due again after the usual time
            log.warning("failover try failed", code=unsaid.code, **_named(orphan))
        else:
            log.warning("dispatch postponed", **_named(orphan), wait_s=wait_s, error=str(error))

    async def _give_up(self, orphan: Orphan, why: str) -> None:
        is_ours = await self._store.watch.end(
            orphan.session_id, orphan.term, orphan.holder, reason="gave_up"
        )
        if not is_ours:
            return  # somebody has it after all
        policy = self._settings.on_give_up
        log.error("session given up", **_named(orphan), why=why, crashes=orphan.crashes, do=policy)
        if policy == "close":
            await self._close(orphan)

    async def _close(self, orphan: Orphan) -> None:
        """Send everybody out: a caller must not wait in silence."""
        for _ in range(CLOSE_TRIES):
            try:
                await self._opening.close(orphan.call.room_name)
            except NotFound:
                return
            except RoomServerUnavailable:
                await asyncio.sleep(BACKOFF_S[1])
            else:
                return
        log.error("room of a session that was given up is still open", **_named(orphan))


def _pointer(orphan: Orphan) -> Pointer:
    return Pointer(orphan.session_id, orphan.term, orphan.call.conversation_id)


def _named(orphan: Orphan) -> dict[str, object]:
    return {
        "session_id": str(orphan.session_id),
        "room": orphan.call.room_name,
        "term": orphan.term,
        "cause": orphan.cause,
    }
