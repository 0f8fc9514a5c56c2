"""What may be given to `Call.start` beside the session and its agent, and how it is undone."""

import asyncio
import inspect
import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from unbroken.errors import InvalidInput
from unbroken.livekit import fragile

log = logging.getLogger(__name__)

CLOSE_S = 5.0


def options_of(options: dict[str, Any], room: rtc.Room) -> dict[str, Any]:
    """What is for `AgentSession.start`; `room=ctx.room`, as LiveKit's own examples have it, is
    what we say anyway.

    Raises InvalidInput for another room, and for what `AgentSession.start` does not know.
    """
    given = dict(options)
    if given.pop("room", room) is not room:
        raise InvalidInput("a durable call is in the job's own room: start() takes no other one")
    known = inspect.signature(AgentSession.start).parameters
    if unknown := sorted(given.keys() - known.keys()):
        raise InvalidInput(f"AgentSession.start knows no {', '.join(unknown)}")
    return given


async def undo(session: AgentSession[Any]) -> None:
    """End a LiveKit session whose start failed. Never raises; takes at most CLOSE_S."""
    if not fragile.is_begun(session):
        return
    try:
        await asyncio.wait_for(fragile.end_half_started(session), CLOSE_S)
    except Exception:
        log.exception("a session that did not start would not end")
