"""An agent's instructions: text, or LiveKit's object with variants for speech and for writing."""

import inspect
from typing import Any

from livekit.agents import Agent
from livekit.agents.beta import Instructions

from unbroken.log.entries import JSON
from unbroken.log.session import INSTRUCTIONS_OF

OF = INSTRUCTIONS_OF
PARTS = tuple(inspect.signature(Instructions).parameters)  # common, audio, text, dynamic in 1.8.9
DYNAMIC = "dynamic"


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


def rendered(written: JSON) -> tuple[str, str, str]:
    """What a model is told where one speaks, where one writes, and made anew for each call."""
    parts = written if isinstance(written, dict) else {"common": str(written)}
    lasting = again({**parts, DYNAMIC: None})
    spoken, typed = (lasting.render(modality=kind) for kind in ("audio", "text"))
    return spoken, typed, str(parts.get(DYNAMIC) or "")


def newer(now: JSON, first: JSON) -> str | None:
    """How instructions that nobody had changed differ from those that the agent began with, in
    what models are told of them."""
    *lasting, dynamic = rendered(now)
    *then, dynamic_then = rendered(first)
    if lasting != then:
        return "those of this version"
    return None if dynamic == dynamic_then else "their dynamic part was made anew"
