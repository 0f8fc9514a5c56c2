"""The way out of an agent whose session is somebody else's: silent at once, and gone soon.

The fence has silenced its voice before anybody here is asked (`voice`). What follows is LiveKit's
and the application's: each may raise or hang, and none may keep the agent in the room.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from livekit.agents import AgentSession, JobContext

from unbroken.livekit.hanging_up import shut_down

log = logging.getLogger(__name__)

TELL_S = 1.0  # so long the application and LiveKit have; then the agent leaves all the same
DISCONNECT_S = 5.0

Told: TypeAlias = Callable[[], Awaitable[None] | None]


async def stop_speaking(session: AgentSession[Any], told: Told) -> None:
    """Drop what is being said and tell the application. Never raises; at most TELL_S."""
    tasks = [
        asyncio.create_task(_guarded(_interrupt(session), "interrupt")),
        asyncio.create_task(_guarded(_tell(told), "on_fenced")),
    ]
    try:
        _, late = await asyncio.wait(tasks, timeout=TELL_S)
    finally:
        for task in tasks:
            task.cancel()
    if late:
        log.warning("a deposed agent leaves without waiting any longer")


async def leave(ctx: JobContext, reason: str) -> None:
    """End the job and be out of the room, whatever still keeps the job busy. Never raises."""
    shut_down(ctx, reason)
    await _guarded(asyncio.wait_for(_disconnect(ctx), DISCONNECT_S), "disconnect")


async def _interrupt(session: AgentSession[Any]) -> None:
    await session.interrupt(force=True)


async def _tell(told: Told) -> None:
    answer = told()
    if inspect.isawaitable(answer):
        await answer


async def _disconnect(ctx: JobContext) -> None:
    """An entrypoint that stays open holds up the job's end: people must not hear two agents."""
    await ctx.room.disconnect()


async def _guarded(work: Awaitable[None], what: str) -> None:
    try:
        await work
    except Exception:
        log.exception("%s failed in a deposed agent", what)
