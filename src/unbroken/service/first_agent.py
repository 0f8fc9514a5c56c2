"""Asking for a room's first agent: again where the last dispatch is known to be lost.

LiveKit takes a dispatch without an error and drops it for good where no worker of that name is
registered, or all are above their load. It shows the jobs of a dispatch, but not at once. So one
counts as lost when it has shown no job for longer than LiveKit may hide one, or when its jobs are
over, or have not brought anybody for long. It is then withdrawn behind the next one: whom it
brings after all is sent out by LiveKit, and two that both stay never come.
"""

from collections.abc import Sequence

import structlog

from unbroken.dispatch import first_said
from unbroken.env import Env
from unbroken.service.livekit_rooms import Asked, LiveKitRooms
from unbroken.store.records import Awaited, Waiting
from unbroken.store.watching import WaitingRooms

UNSEEN_S = 5.5  # LiveKit shows no job of a dispatch for up to five seconds
COMING_S = 10.0  # a process starts, loads its models and joins; each time twice as long
PAUSE_MAX_S = 8.0
DOUBLINGS_MAX = 3
LOOK_S = 2.0  # at a job that is there
SEEN_WITHIN_S = 24 * 3600.0

log = structlog.get_logger()


class FirstAgent:
    def __init__(
        self, waiting: WaitingRooms, livekit: LiveKitRooms, env: Env, *, name: str, retry_s: float
    ) -> None:
        self._waiting, self._livekit, self._env = waiting, livekit, env
        self.name, self._retry_s = name, retry_s

    @staticmethod
    def awaited(name: str, *, asked_at_us: int | None = None) -> Awaited:
        """What a room that was opened waits for."""
        return Awaited(name, asked_at_us, UNSEEN_S)

    async def call(self, name: str) -> None:
        """Ask for the agent of a room that waits, unless one is on its way."""
        if waiting := await self._waiting.find(name):
            await self.ask(waiting, has_people=waiting.since_us is not None)

    async def ask(self, waiting: Waiting, *, has_people: bool) -> None:
        """Dispatch again if the last one is lost; else note when to look again.

        Raises RoomServerUnavailable.
        """
        listed = await self._livekit.dispatches(waiting.name, waiting.agent_name)
        left_s = self._patience_s(listed, waiting.tries) - self._since_asked_s(waiting, listed)
        is_coming = any(asked.running for asked in listed)
        if left_s > 0:
            await self._waiting.look(
                waiting.room_id,
                has_people=has_people,
                again_s=min(left_s, LOOK_S) if is_coming else left_s,
                asked=True,
                is_coming=is_coming,
            )
        elif await self._waiting.may_ask(waiting, has_people=has_people, again_s=UNSEEN_S):
            await self._dispatch(waiting, listed)

    async def _dispatch(self, waiting: Waiting, listed: tuple[Asked, ...]) -> None:
        if await self._livekit.has_agent(waiting.name):  # it came while this was decided
            return
        said = first_said(asked.said for asked in listed)
        await self._livekit.dispatch(waiting.name, agent_name=waiting.agent_name, said=said)
        for lost in listed:
            await self._livekit.withdraw(waiting.name, lost.id)
        log.info("agent dispatched", room=waiting.name, tries=waiting.tries + 1)

    def _since_asked_s(self, waiting: Waiting, listed: tuple[Asked, ...]) -> float:
        """One that somebody else made is as old as our first look at it: clocks differ."""
        if waiting.asked_at_us is not None:
            return (self._env.now_us() - waiting.asked_at_us) / 1_000_000
        return 0 if listed else float("inf")

    def _patience_s(self, listed: tuple[Asked, ...], tries: int) -> float:
        """How long after it was asked for an agent is not yet lost."""
        doubled = 2.0 ** min(max(0, tries - 1), DOUBLINGS_MAX)
        if any(asked.running for asked in listed):
            return COMING_S * doubled
        pause_s = min(self._retry_s * doubled, PAUSE_MAX_S)
        are_over = bool(listed) and all(asked.jobs for asked in listed)
        return pause_s if are_over else max(UNSEEN_S, pause_s)


def because(waiting: Waiting, seen: Sequence[str]) -> str:
    """Why there is no agent yet, as far as can be known; `seen`: the names of the last day."""
    name = f'the name "{waiting.agent_name}"' if waiting.agent_name else "no name"
    if waiting.is_coming:
        return f"a worker under {name} has taken the job and its agent has not joined yet"
    if waiting.tries <= 1:
        return f"an agent under {name} was asked for and has not come yet"
    if waiting.agent_name in seen:
        return f"no worker under {name} takes the job: they may be busy, starting or stopped"
    others = ", ".join(f'"{other}"' for other in seen if other)
    known = f"only agents named {others}" if others else "no agents"
    return f"no worker seems to be registered under {name}: the last 24 hours have seen {known}"
