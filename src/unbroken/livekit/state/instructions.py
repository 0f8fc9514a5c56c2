"""An agent's instructions: text, or LiveKit's object with variants for speech and for writing."""

import inspect

from livekit.agents import Agent
from livekit.agents.beta import Instructions

from unbroken.log.entries import JSON
from unbroken.log.session import INSTRUCTIONS_OF

OF = INSTRUCTIONS_OF
PARTS = tuple(inspect.signature(Instructions).parameters)  # common, audio, text, dynamic in 1.8.9


def read(agent: Agent) -> JSON:
    """What a model is told in each case: text alone where that is the same in all."""
    told = agent.instructions
    if not isinstance(told, Instructions):
        return told
    parts = {name: part for name in PARTS if (part := getattr(told, name))}
    return parts if parts.keys() - {"common"} else told.common


async def put_back(agent: Agent, changed: JSON) -> None:
    """Those that a running call had given to the agent."""
    if read(agent) != changed:
        told: str | Instructions = str(changed)
        if isinstance(changed, dict):
            told = Instructions(**{name: changed[name] for name in PARTS if name in changed})
        await agent.update_instructions(told)  # type: ignore[arg-type]  # it takes both


def newer(agent: Agent, first: JSON) -> str | None:
    """How instructions that nobody had changed differ from those that the agent began with."""
    now = read(agent)
    if now == first:
        return None
    both = isinstance(now, dict) and isinstance(first, dict)
    if both and {**now, "dynamic": ""} == {**first, "dynamic": ""}:
        return "their dynamic part was made anew"
    return "those of this version"
