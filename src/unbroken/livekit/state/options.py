"""What an application changes of its session while a call runs, and a successor changes again.

What a log can hold is put back: the session's options and switches, and the settings of its models
and of an agent's own (`tts.voice`, `tts.voice of Greeter`). Of a model itself only its name is
known: whoever swaps one at run time has to swap it again behind `start`, and the report says so.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec
from livekit.agents import NOT_GIVEN, Agent, AgentSession
from livekit.agents.utils import is_given

from unbroken.livekit import fragile
from unbroken.livekit.state import instructions, models, tools
from unbroken.log.entries import JSON, plain
from unbroken.log.session import Session as Saved

log = logging.getLogger(__name__)

Session: TypeAlias = AgentSession[Any]
MODELS_OF = "models of "
OF = " of "
OF_AN_AGENT = (instructions.OF, tools.OF)  # fields of their own
PLAIN = (
    "max_tool_steps",
    "user_away_timeout",
    "min_consecutive_speech_delay",
    "transcription_timeout",
    "use_tts_aligned_transcript",
)
TEMPLATE = "tts_instructions_template"  # of expressive options
TRANSFORMS = "tts_text_transforms"
OBJECT = "object "  # before the name of what cannot be written down
OF_THE_SESSION = "the session's"


class Option(NamedTuple):
    read: Callable[[Any], JSON]  # of the session, or of an agent
    put_back: Callable[[Any, Any], None]


def read(session: Session, agents: Mapping[str, Agent]) -> dict[str, JSON]:
    """The session's options, and those of some of its agents, as they are now."""
    now = _of_session(session)
    for key, agent in agents.items():
        now |= _of_agent(session, key, agent)
        now[instructions.OF + key] = instructions.read(agent)
        now[tools.OF + key] = tools.read(agent)
    return now


def changed(now: Mapping[str, JSON], saved: Saved, agents: Mapping[str, Agent]) -> dict[str, JSON]:
    """Of the options `now` those that the log says were changed, for an agent that is not here as
    the log has them; without what is not here."""
    logged: dict[str, JSON] = saved.folded("options")
    here = (None, *agents)
    return {
        name: now.get(name, value)
        for name, value in logged.items()
        if name in now or _agent_in(name) not in here
    }


def put_back(
    session: Session, changed: Mapping[str, JSON], agents: Mapping[str, Agent]
) -> list[str]:
    """Change what had been changed; returns the names of what is not as it was. Options of agents
    that are not here wait for them in the log."""
    models_last = sorted(changed.items(), key=lambda item: item[0].startswith(MODELS_OF))
    return [name for name, value in models_last if not _is_back(session, name, value, agents)]


def tell(session: Session, changed: Callable[[], None]) -> None:
    """Call `changed` behind each of the session's own switches: no event tells of them."""
    for owner, name in (
        (session, "update_options"),
        (session.input, "set_audio_enabled"),
        (session.input, "set_video_enabled"),
        (session.output, "set_audio_enabled"),
        (session.output, "set_transcription_enabled"),
    ):
        setattr(owner, name, _told(getattr(owner, name), changed))


def _told(switch: Callable[..., None], changed: Callable[[], None]) -> Callable[..., None]:
    @functools.wraps(switch)
    def told(*args: Any, **kwargs: Any) -> None:
        switch(*args, **kwargs)
        changed()

    return told


def _is_back(session: Session, name: str, value: JSON, agents: Mapping[str, Agent]) -> bool:
    if name.startswith(OF_AN_AGENT):
        return True
    try:
        if name.startswith(MODELS_OF):
            agent = agents.get(name.removeprefix(MODELS_OF))
            return agent is None or _models_are_back(session, agent, value)
        if (option := OPTIONS.get(name)) is not None:
            return _option_is_back(option, session, value)
        if (key := _agent_in(name)) is None:
            return _setting_is_back(dict(models.of_session(session)), name, value)
        return key not in agents or _agents_own_is_back(agents[key], name.partition(OF)[0], value)
    except Exception:
        log.exception("option not put back", extra={"option": name})
        return False


def _option_is_back(option: Option, of: Any, value: JSON) -> bool:
    if option.read(of) != value:
        option.put_back(of, value)
    return bool(option.read(of) == value)


def _models_are_back(session: Session, agent: Agent, value: JSON) -> bool:
    models.switch_off(agent, value)
    return bool(models.names(session, agent) == value)


def _agents_own_is_back(agent: Agent, name: str, value: JSON) -> bool:
    if (option := AGENTS_OPTIONS.get(name)) is not None:
        return _option_is_back(option, agent, value)
    return _setting_is_back(dict(models.of_agent(agent)), name, value)


def _setting_is_back(owned: Mapping[str, Any], name: str, value: JSON) -> bool:
    kind, _, setting = name.partition(".")
    if (model := owned.get(kind)) is None:  # or an option of a newer version
        return False
    if models.settings(model).get(setting) != value:
        models.put_back(model, setting, value)
    return bool(models.settings(model).get(setting) == value)


def _agent_in(name: str) -> str | None:
    """Whose option it is: an agent's key; None: the session's."""
    return name.partition(OF)[2] or None


def _of_session(session: Session) -> dict[str, JSON]:
    own = {name: option.read(session) for name, option in OPTIONS.items()}
    return own | _settings(models.of_session(session), "")


def _of_agent(session: Session, key: str, agent: Agent) -> dict[str, JSON]:
    own = {name + OF + key: option.read(agent) for name, option in AGENTS_OPTIONS.items()}
    settings = _settings(models.of_agent(agent), OF + key)
    return own | settings | {MODELS_OF + key: models.names(session, agent)}


def _settings(owned: Iterable[tuple[str, Any]], of: str) -> dict[str, JSON]:
    return {
        f"{kind}.{name}{of}": value
        for kind, model in owned
        for name, value in models.settings(model).items()
    }


def _mode(mode: Any) -> JSON:
    """How turns are detected; None: as LiveKit chooses."""
    return mode if mode is None or isinstance(mode, str) else OBJECT + type(mode).__name__


def _detect_turns(session: Session, mode: Any) -> None:
    if mode is None or not mode.startswith(OBJECT):
        session.update_options(turn_detection=mode)


def _agents_mode(agent: Agent) -> JSON:
    """The session's, if the agent was told none."""
    mode = agent.turn_detection
    return _mode(mode) if is_given(mode) else OF_THE_SESSION


def _agent_detects_turns(agent: Agent, mode: Any) -> None:
    if mode is None or not mode.startswith(OBJECT):
        # LiveKit's setter is typed narrower than its getter, which gives NOT_GIVEN, too.
        agent.turn_detection = NOT_GIVEN if mode == OF_THE_SESSION else mode  # type: ignore[assignment]


def _json(value: object) -> JSON:
    """A copy, as JSON can say it."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except Exception:  # noqa: BLE001 - what JSON cannot say
        return plain(value)


def _expressive(told: Any) -> JSON:
    """Whether a model says how it is spoken; what it is told may be an object. None: not given."""
    if not isinstance(told, dict):
        return bool(told) if is_given(told) else None
    return _json(
        {**told, TEMPLATE: instructions.written(told[TEMPLATE])} if TEMPLATE in told else told
    )


def _express(of: Any, saved: JSON) -> None:
    if isinstance(saved, dict) and TEMPLATE in saved:
        saved = {**saved, TEMPLATE: instructions.again(saved[TEMPLATE])}
    if saved is not None:
        of.update_options(expressive=saved)


def _plain(name: str) -> Option:
    """One that LiveKit reads anew each time; None where this LiveKit has none."""
    return Option(
        lambda s: getattr(s.options, name, None), lambda s, value: setattr(s.options, name, value)
    )


def _turns(name: str) -> Option:
    """A part of how turns are handled, which LiveKit reads anew each time."""
    return Option(
        lambda s: _json(s.options.turn_handling.get(name)),
        lambda s, to: s.options.turn_handling[name].update(to),
    )


def _transforms(session: Session) -> JSON:
    """What is done to the text before it is spoken; functions are named."""
    given = getattr(session.options, TRANSFORMS, None)
    if given is None:
        return None
    return [one if isinstance(one, str) else OBJECT + type(one).__name__ for one in given]


def _transform(session: Session, saved: Any) -> None:
    if not any(one.startswith(OBJECT) for one in saved or ()):
        setattr(session.options, TRANSFORMS, saved)


OPTIONS: dict[str, Option] = {
    "endpointing": Option(
        lambda s: dict(s.options.endpointing_overrides),
        lambda s, changed: s.update_options(endpointing_opts=changed),
    ),
    "turn detection": Option(lambda s: _mode(s.turn_detection), _detect_turns),
    "keyterms": Option(lambda s: s.keyterms, lambda s, terms: s.update_options(keyterms=terms)),
    "expressive": Option(lambda s: _expressive(fragile.expressive(s)), _express),
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
    "video input": Option(
        lambda s: s.input.video_enabled, lambda s, on: s.input.set_video_enabled(on)
    ),
    "interruption": _turns("interruption"),
    "preemptive generation": _turns("preemptive_generation"),
    "user turn limit": _turns("user_turn_limit"),
    "tts text transforms": Option(_transforms, _transform),
    **{name.replace("_", " "): _plain(name) for name in PLAIN},
}
AGENTS_OPTIONS: dict[str, Option] = {
    "expressive": Option(lambda agent: _expressive(agent.expressive), _express),
    "turn detection": Option(_agents_mode, _agent_detects_turns),
}
