"""What may be given to `Call.start` beside the session and its agent, and how it is undone."""

import asyncio
import inspect
import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from unbroken.errors import InvalidInput

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
    # Private: LiveKit leaves what it had begun running, and ends only what has started whole.
    if session._activity is None and session._room_io is None:  # noqa: SLF001 - see above
        return  # not begun
    session._started = True  # noqa: SLF001 - see above
    try:
        await asyncio.wait_for(session.aclose(), CLOSE_S)
    except Exception:
        log.exception("a session that did not start would not end")
