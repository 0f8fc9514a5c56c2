"""What may be given to `Call.start` beside the session and its agent, and how it is undone."""

import asyncio
import copy
import dataclasses
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession
from livekit.agents.voice import io, room_io

from unbroken.errors import InvalidInput
from unbroken.livekit import fragile

log = logging.getLogger(__name__)

Chained: TypeAlias = Callable[[io.TextOutput | None], io.TextOutput]

LEGACY = {
    "room_input_options": room_io.RoomInputOptions,
    "room_output_options": room_io.RoomOutputOptions,
}
CLOSE_S = 5.0


def options_of(options: dict[str, Any], room: rtc.Room) -> dict[str, Any]:
    """What is for `AgentSession.start`; `room=ctx.room`, as LiveKit's own examples have it, is
    what we say anyway.

    Raises InvalidInput for another room, for room options of another kind, and for what
    `AgentSession.start` does not know.
    """
    given = dict(options)
    if given.pop("room", room) is not room:
        raise InvalidInput("a durable call is in the job's own room: start() takes no other one")
    known = inspect.signature(AgentSession.start).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in known.values())  # somebody wraps it
    if (unknown := sorted(given.keys() - known.keys())) and not takes_all:
        raise InvalidInput(f"AgentSession.start knows no {', '.join(unknown)}")
    for name, kind in ({"room_options": room_io.RoomOptions} | LEGACY).items():
        if (value := given.get(name)) and not isinstance(value, kind):
            raise InvalidInput(f"{name} is a {type(value).__name__}, not {kind.__name__}")
    return given


def with_defaults(options: dict[str, Any], heard: Chained) -> dict[str, Any]:
    """`options`, and where the application said nothing what prevents incidents: the session does
    not close with its person, and no caller reads the prompt. The agent's words go through `heard`
    as they are played. LiveKit's older two room options count as `room_options` would."""
    given = dict(options)
    legacy = {name: given.pop(name, NOT_GIVEN) for name in LEGACY}
    wanted = copy.copy(_room_options(given.pop("room_options", NOT_GIVEN), legacy))
    if text := wanted.get_text_output_options():
        wanted.text_output = dataclasses.replace(text, next_in_chain=heard(text.next_in_chain))
    return {"session_host": False, **given, "room_options": wanted}


def _room_options(given: Any, legacy: dict[str, Any]) -> room_io.RoomOptions:
    if not given and not any(legacy.values()):
        return room_io.RoomOptions(close_on_disconnect=False)
    found = fragile.room_options(given, **legacy)
    if not given and not legacy["room_input_options"]:
        found.close_on_disconnect = False  # which only options of the input say
    return found


async def undo(session: AgentSession[Any]) -> None:
    """End a LiveKit session whose start failed. Never raises; takes at most CLOSE_S."""
    if not fragile.is_begun(session):
        return
    try:
        await asyncio.wait_for(fragile.end_half_started(session), CLOSE_S)
    except Exception:
        log.exception("a session that did not start would not end")
