"""What an application changes of its session while a call runs, and a successor changes again.

A value that the log can hold is put back. Of a model only its name is kept: whoever swaps one at
run time has to swap it again behind `start`, and the report says so.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from livekit.agents import Agent, AgentSession

from unbroken.entries import JSON
from unbroken.livekit import instructions, tools
from unbroken.session import Session as Saved

Session: TypeAlias = AgentSession[Any]
MODELS_OF = "models of "
OF_AN_AGENT = (instructions.OF, tools.OF)
OBJECT = "object "  # before the name of what cannot be written down


class Option(NamedTuple):
    read: Callable[[Session], JSON]
    put_back: Callable[[Session, Any], None]


def read(session: Session, key: str, agent: Agent) -> dict[str, JSON]:
    """The session's options, and those of one of its agents, as they are now."""
    return {name: option.read(session) for name, option in OPTIONS.items()} | {
        MODELS_OF + key: _models(session, agent),
        instructions.OF + key: instructions.read(agent),
        tools.OF + key: tools.read(agent),
    }


def read_changed(session: Session, saved: Saved, agents: Mapping[str, Agent]) -> dict[str, JSON]:
    """Those that the log says were changed, as they are now; without what is not here."""
    now = {name: option.read(session) for name, option in OPTIONS.items()}
    now |= {MODELS_OF + key: _models(session, agent) for key, agent in agents.items()}
    unseen = {k: v for k, v in saved.options.items() if k.startswith(MODELS_OF) and k not in now}
    return {name: now[name] for name in saved.folded("options") if name in now} | unseen


def put_back(
    session: Session, changed: Mapping[str, JSON], agents: Mapping[str, Agent]
) -> list[str]:
    """Change what had been changed; returns the names of what is not as it was."""
    return [name for name, value in changed.items() if not _is_back(session, name, value, agents)]


def _is_back(session: Session, name: str, value: JSON, agents: Mapping[str, Agent]) -> bool:
    if name.startswith(OF_AN_AGENT):
        return True  # a field of its own
    if name.startswith(MODELS_OF):
        agent = agents.get(name.removeprefix(MODELS_OF))
        return agent is None or _models(session, agent) == value
    if (option := OPTIONS.get(name)) is None:  # of a newer version
        return False
    if option.read(session) != value:
        try:
            option.put_back(session, value)
        except (TypeError, ValueError, AttributeError, KeyError):
            return False
    return bool(option.read(session) == value)


def _models(session: Session, agent: Agent) -> JSON:
    """What hears, thinks and speaks: the agent's own, or the session's."""
    used = {kind: getattr(agent, kind) or getattr(session, kind) for kind in ("stt", "llm", "tts")}
    return {kind: f"{model.provider}/{model.model}" for kind, model in used.items() if model}


def _turn_detection(session: Session) -> JSON:
    mode = session.turn_detection
    return mode if mode is None or isinstance(mode, str) else OBJECT + type(mode).__name__


def _detect_turns(session: Session, mode: Any) -> None:
    if mode is None or not mode.startswith(OBJECT):
        session.update_options(turn_detection=mode)


OPTIONS: dict[str, Option] = {
    "endpointing": Option(
        lambda s: dict(s.options.endpointing_overrides),
        lambda s, changed: s.update_options(endpointing_opts=changed),
    ),
    "turn detection": Option(_turn_detection, _detect_turns),
    "keyterms": Option(lambda s: s.keyterms, lambda s, terms: s.update_options(keyterms=terms)),
    "audio input": Option(
        lambda s: s.input.audio_enabled, lambda s, on: s.input.set_audio_enabled(on)
    ),
    "audio output": Option(
        lambda s: s.output.audio_enabled, lambda s, on: s.output.set_audio_enabled(on)
    ),
    "transcription": Option(
        lambda s: s.output.transcription_enabled,
        lambda s, on: s.output.set_transcription_enabled(on),
    ),
}
