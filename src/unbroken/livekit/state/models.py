"""What hears, thinks and speaks: which models, and those of their settings that can be read again.

An object cannot be written down: of a model that an application gave to an agent at run time only
its name is known. Of what it told a model by `update_options`, the values that the model shows.
"""

import functools
import inspect
import re
from collections.abc import Iterator
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import is_given

from unbroken.livekit import fragile
from unbroken.log.entries import JSON, plain

KINDS = ("stt", "vad", "llm", "tts")
OWN = "own "  # before the name of a model that the agent brings itself
NOT_PLAIN = object()
CLASSES = 64
SECRET = re.compile(r"(^|_)(key|token|secret|password)$")  # no credentials in the log
COLLECTS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def names(session: AgentSession[Any], agent: Agent) -> JSON:
    """Of the agent's own models, or the session's; None for one that the agent does without."""
    own = {kind: getattr(agent, kind) for kind in KINDS if is_given(getattr(agent, kind))}
    found: dict[str, JSON] = {kind: _name(model) for kind, model in of_session(session)}
    return found | {kind: OWN + _name(model) if model else None for kind, model in own.items()}


def switch_off(agent: Agent, named: JSON) -> None:
    """Those without which the agent was `named`; raises what LiveKit raises."""
    gone = [kind for kind in KINDS if isinstance(named, dict) and named.get(kind, "") is None]
    without: dict[str, Any] = {kind: None for kind in gone if getattr(agent, kind) is not None}
    if without:
        agent.update_options(**without)


def of_session(session: AgentSession[Any]) -> Iterator[tuple[str, Any]]:
    """Its models, by kind."""
    return ((kind, model) for kind in KINDS if (model := getattr(session, kind)))


def of_agent(agent: Agent) -> Iterator[tuple[str, Any]]:
    """Those that it brings itself."""
    return ((kind, model) for kind in KINDS if (model := getattr(agent, kind)))


def settings(model: Any) -> dict[str, JSON]:
    """What `update_options` can change and the model shows, where it is plain data; None where
    nothing was told."""
    kind: type = type(model)
    shown = ((name, fragile.setting(model, name)) for name in _settable(kind))
    return {name: said for name, value in shown if (said := _plain(value)) is not NOT_PLAIN}


def put_back(model: Any, name: str, value: JSON) -> None:
    """Raises what the model raises."""
    model.update_options(**{name: value})


def _name(model: Any) -> str:
    """Of one that cannot say it, perhaps because it is not connected yet, its class."""
    try:
        return f"{model.provider}/{model.model}"
    except Exception:  # noqa: BLE001 - a property of somebody's plugin
        return type(model).__name__


def _plain(value: object) -> JSON:
    """NOT_PLAIN, if it is more than JSON can say."""
    try:
        return said if (said := plain(value)) == value else NOT_PLAIN
    except Exception:  # noqa: BLE001 - an equality of somebody's plugin
        return NOT_PLAIN


@functools.lru_cache(CLASSES)
def _settable(kind: type) -> tuple[str, ...]:
    update = getattr(kind, "update_options", None)
    if update is None:
        return ()
    try:
        parameters = list(inspect.signature(update).parameters.values())[1:]
    except (TypeError, ValueError):  # of one that is not written in Python
        return ()
    return tuple(p.name for p in parameters if p.kind not in COLLECTS and not SECRET.search(p.name))
