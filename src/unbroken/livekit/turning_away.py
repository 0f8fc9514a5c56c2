"""An agent for whose call there is no room: it says so, and leaves."""

import asyncio
import logging
from collections.abc import Sized
from typing import Any, Protocol, TypeVar

from livekit.agents import Agent, AgentSession, JobContext

from unbroken.errors import LimitReached
from unbroken.livekit.hanging_up import shut_down

log = logging.getLogger(__name__)

FULL = "there are as many calls as there may be"  # why a job ends
SAY_S = 20.0  # for one sentence, with the start of the session that says it

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Joins(Protocol[T_co]):
    """One job on its way into its room."""

    async def join(self) -> T_co: ...
    async def people_who_come(self) -> Sized: ...


async def joined(
    joining: Joins[T],
    session: AgentSession[Any],
    ctx: JobContext,
    options: dict[str, Any],
) -> T:
    """What `joining` gives. Where there is no room for the call the people in the room hear it
    before the job ends. Raises LimitReached then, and what `joining` raises."""
    try:
        return await joining.join()
    except LimitReached as error:
        log.warning("turned away", extra={"room": ctx.room.name, "why": error.said})
        try:
            await _tell(joining, session, ctx, error, options)
        finally:
            shut_down(ctx, FULL)
        raise


async def _tell(
    joining: Joins[Any],
    session: AgentSession[Any],
    ctx: JobContext,
    error: LimitReached,
    options: dict[str, Any],
) -> None:
    """Say the sentence of `error` to who is in the room, with the voice of `session`, and hear
    nobody meanwhile. Never raises; a session without a voice says nothing.

    Nothing of it is in a journal: the call was never ours.
    """
    try:
        if not len(await joining.people_who_come()):
            return
        async with asyncio.timeout(SAY_S):
            await session.start(Agent(instructions=""), room=ctx.room, **options)
            session.input.set_audio_enabled(False)
            await session.say(error.said, allow_interruptions=False)
    except Exception:
        log.exception("the sentence could not be said")
