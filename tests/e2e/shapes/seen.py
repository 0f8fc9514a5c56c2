"""A session's live state as JSON, read without any of our code: what the test compares."""

import enum
from datetime import date
from typing import Any

from livekit.agents import Agent, AgentSession

from tests.e2e.shapes.shape import State, Tone

DEPTH_MAX = 6
PARTS = ("agent", "instructions", "tools", "attributes", "userdata", "options")


def seen(session: AgentSession[Any]) -> State:
    agent = session.current_agent
    return {
        "agent": type(agent).__name__,
        "instructions": _rendered(agent),
        "tools": sorted(tool.id for tool in agent.tools),
        "attributes": _own(agent),
        "userdata": _userdata(session),
        "options": _options(session),
        "history": [_item(item) for item in session.history.items],
        "context": [_item(item) for item in agent.chat_ctx.items],
        "state": session.agent_state,
    }


def _rendered(agent: Agent) -> Any:
    text = agent.instructions
    if isinstance(text, str):
        return text
    return [text.render(modality="audio"), text.render(modality="text")]


def _own(agent: Agent) -> dict[str, Any]:
    """What the subclass has set on itself."""
    known = vars(Agent(instructions=""))
    return {
        name: plain(value)
        for name, value in vars(agent).items()
        if name not in known and not name.startswith("_") and not callable(value)
    }


def _userdata(session: AgentSession[Any]) -> Any:
    try:
        return plain(session.userdata)
    except ValueError:
        return None


def _options(session: AgentSession[Any]) -> dict[str, Any]:
    mode = session.turn_detection
    return {
        "turn detection": mode if isinstance(mode, str) else type(mode).__name__,
        "audio input": session.input.audio_enabled,
        "audio output": session.output.audio_enabled,
        "transcription": session.output.transcription_enabled,
        "voice": session.tts.voice if isinstance(session.tts, Tone) else None,
    }


def _item(item: Any) -> list[Any]:
    """With its id: equal items are the same ones."""
    said = {
        "message": lambda: [item.role, item.text_content],
        "function_call": lambda: [item.name, item.arguments],
        "function_call_output": lambda: [item.name, item.output, item.is_error],
    }
    return [item.type, item.id, *said.get(item.type, list)()]


def plain(value: Any, depth: int = 0) -> Any:
    """With the types' names, so that a set is no list and an Enum no string."""
    kind = type(value).__name__
    if type(value) in (type(None), bool, int, float, str):
        return value
    if depth > DEPTH_MAX or isinstance(value, Agent):
        return f"<{kind}>"
    if isinstance(value, enum.Enum | date):
        return f"{kind} {value}"
    if isinstance(value, dict | list | tuple | set | frozenset):
        return _collection(value, kind, depth + 1)
    fields = getattr(value, "__dataclass_fields__", None) or getattr(value, "model_fields_set", ())
    known = {name: plain(getattr(value, name), depth + 1) for name in fields}
    return {"": kind, **known} if known else f"<{kind}>"


def _collection(value: Any, kind: str, depth: int) -> Any:
    if isinstance(value, dict):
        return {f"{type(k).__name__} {k}": plain(v, depth) for k, v in value.items()}
    parts = sorted(map(repr, value)) if isinstance(value, set | frozenset) else value
    return [kind, *(plain(part, depth) for part in parts)]
