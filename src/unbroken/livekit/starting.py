"""What may be given to `Call.start` beside the session and its agent."""

import inspect
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from unbroken.errors import InvalidInput


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
