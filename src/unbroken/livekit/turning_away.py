"""An agent for whose call there is no room: it says so, and leaves."""

import asyncio
import logging
from typing import Any

from livekit.agents import Agent, AgentSession, JobContext

from unbroken.errors import LimitReached

log = logging.getLogger(__name__)

FULL = "there are as many calls as there may be"  # why a job ends
SAY_S = 20.0  # for one sentence, with the start of the session that says it


async def say_so(
    session: AgentSession[Any], ctx: JobContext, error: LimitReached, options: dict[str, Any]
) -> None:
    """Say the sentence of `error` in the room with the voice of `session`, and hear nobody
    meanwhile. Never raises; a session without a voice says nothing, and the job's log does.

    Nothing of it is in a journal: the call was never ours.
    """
    log.warning("turned away", extra={"room": ctx.room.name, "why": error.said})
    try:
        async with asyncio.timeout(SAY_S):
            await session.start(Agent(instructions=""), room=ctx.room, **options)
            session.input.set_audio_enabled(False)
            await session.say(error.said, allow_interruptions=False)
    except Exception:
        log.exception("the sentence could not be said")
