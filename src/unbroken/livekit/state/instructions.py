"""An agent's instructions: text, or LiveKit's object with variants for speech and for writing."""

import inspect
from typing import Any

from livekit.agents import Agent
from livekit.agents.beta import Instructions

from unbroken.log.entries import JSON
from unbroken.log.session import INSTRUCTIONS_OF

OF = INSTRUCTIONS_OF
PARTS = tuple(inspect.signature(Instructions).parameters)  # common, audio, text, dynamic in 1.8.9


def read(agent: Agent) -> JSON:
    """What a model is told in each case: text alone where that is the same in all."""
    return written(agent.instructions)


def written(told: Any) -> JSON:
    """Instructions, or text as it is, for the log."""
    if not isinstance(told, Instructions):
        return told
    parts = {name: part for name in PARTS if (part := getattr(told, name))}
    return parts if parts.keys() - {"common"} else told.common


async def put_back(agent: Agent, changed: JSON) -> None:
    """Those that a running call had given to the agent."""
    if read(agent) != changed:
        await agent.update_instructions(again(changed))


def again(written: JSON) -> Any:
    """What was `written`: text, or LiveKit's object."""
    if not isinstance(written, dict):
        return str(written)
    return Instructions(**{name: written[name] for name in PARTS if name in written})


def newer(agent: Agent, first: JSON) -> str | None:
    """How instructions that nobody had changed differ from those that the agent began with."""
    now = read(agent)
    if now == first:
        return None
    both = isinstance(now, dict) and isinstance(first, dict)
    if both and {**now, "dynamic": ""} == {**first, "dynamic": ""}:
        return "their dynamic part was made anew"
    return "those of this version"
