"""What an agent was made with: kept where a successor can be given the same again.

Kept are values, with their types; an agent, by its key; and of a chat context that it was one, as
the agent's own context is in the log. What belongs to its process is `lost`, by name.
"""

import functools
import inspect
import logging
import typing
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, NamedTuple

from livekit.agents import Agent
from livekit.agents.llm import ChatContext

from unbroken import typed
from unbroken.livekit.state import cards
from unbroken.livekit.state.keys import ByInstance
from unbroken.log import digest
from unbroken.log.entries import JSON, AgentMade
from unbroken.typed import Decoder, TooMuch
from unbroken.typed.hints import classes_in
from unbroken.typed.names import name_of

log = logging.getLogger(__name__)

OF = "arguments of "
OWN = "of this process: "
UNSAID = inspect.Parameter.empty
LOST = object()
OF_A_PROCESS = {"$live", "$circle", "$ref"}  # the last one is of a card
CONTEXT = {"$live": "livekit.agents.ChatContext"}  # stands for one: it is a field of its own
COLLECTS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Given(NamedTuple):
    """One agent's arguments, by name; the agents among them are still the living ones."""

    kept: dict[str, JSON]
    agents: dict[str, Agent]
    contexts: tuple[str, ...]
    lost: tuple[str, ...]


NOTHING = Given({}, {}, (), ())
_given: ByInstance[Given] = ByInstance()


def watch() -> None:
    """From here on it is known of each agent of this process what it was made with. Changes
    LiveKit's `Agent` itself, once: nobody else is told how an agent is made."""
    if getattr(Agent.__new__, "is_watching", False):
        return

    @functools.wraps(Agent.__init__)
    def made(kind: type[Agent], *args: Any, **kwargs: Any) -> Agent:
        below: Any = super(Agent, kind).__new__
        is_last = below is object.__new__
        agent: Agent = below(kind) if is_last else below(kind, *args, **kwargs)
        try:
            _given.put(agent, _read(kind, args, kwargs))
        except Exception:
            log.exception("arguments not kept", extra={"agent": kind.__name__})
        return agent

    made.is_watching = True  # type: ignore[attr-defined]
    Agent.__new__ = made  # type: ignore[method-assign,assignment]


def entry_of(agent: Agent, key: str, key_of: Callable[[Agent], str]) -> AgentMade:
    """The entry that says how to make this agent again."""
    given = _given.get(agent) or NOTHING
    return AgentMade(
        key,
        name_of(type(agent)),
        arguments=given.kept,
        agents={name: key_of(other) for name, other in given.agents.items()},
        contexts=given.contexts,
        lost=given.lost,
    )


def are_any(made: AgentMade) -> bool:
    """Whether there are arguments that no other field of the state is: not those of LiveKit's own
    Agent (its instructions, tools, models and context)."""
    return bool(_names(made))


def differences(saved: AgentMade, made: AgentMade) -> str | None:
    """What the agent was made with before, and another one now; None: nothing."""
    before, now = _by_name(saved), _by_name(made)
    both = sorted((_names(saved) | _names(made)) - {*saved.lost, *made.lost})
    other = [name for name in both if digest.of(before.get(name)) != digest.of(now.get(name))]
    words = [f"made with another {', '.join(other)}"] if other else []
    if own := sorted(_names(saved) & {*saved.lost, *made.lost}):
        words.append(OWN + ", ".join(own))
    return "; ".join(words) or None


def _by_name(made: AgentMade) -> dict[str, JSON]:
    context = dict.fromkeys(made.contexts, CONTEXT)
    agents = {name: {"$ref": key} for name, key in made.agents.items()}
    return made.arguments | agents | context


def _names(made: AgentMade) -> set[str]:
    return {*_by_name(made), *made.lost} - _signature_of(Agent).parameters.keys()


def required(kind: type[Agent]) -> dict[str, Any]:
    """What nobody can leave out: names, and their annotations or UNSAID."""
    hints = hints_of(kind)
    return {
        name: hints.get(name, UNSAID)
        for name, parameter in _signature_of(kind).parameters.items()
        if parameter.default is UNSAID and parameter.kind not in COLLECTS
    }


def can_be_kept(hint: Any) -> bool:
    """Whether a value of this annotation comes back. Where it says nothing, nobody knows."""
    return hint is not Any and any(map(_is_kept, classes_in(hint)))


def call(kind: type[Agent], arguments: Mapping[str, Any]) -> Agent:
    """`kind`, made with these. What its constructor does not take any more is left out."""
    signature = _signature_of(kind)
    bound = signature.bind_partial()
    rest = dict(arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound.arguments[name] = rest
        elif name in rest:
            bound.arguments[name] = rest.pop(name)
    return kind(*bound.args, **bound.kwargs)


def _read(kind: type[Agent], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
    kept: dict[str, JSON] = {}
    agents: dict[str, Agent] = {}
    contexts, lost = [], []
    for name, value in _named(kind, args, kwargs).items():
        if isinstance(value, Agent):
            agents[name] = value
        elif isinstance(value, ChatContext):
            contexts.append(name)
        elif (encoded := _encoded(value)) is not LOST:
            kept[name] = encoded
        else:
            lost.append(name)
    return Given(kept, agents, tuple(contexts), tuple(lost))


def _named(kind: type[Agent], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    signature = _signature_of(kind)
    try:
        found = dict(signature.bind_partial(*args, **kwargs).arguments)
    except TypeError:  # the constructor itself is about to say so
        return {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= found.pop(name, {})
    return found


def _signature_of(kind: type[Agent]) -> inspect.Signature:
    """Without `self`."""
    whole = inspect.signature(kind.__init__)
    return whole.replace(parameters=list(whole.parameters.values())[1:])


def hints_of(kind: type[Agent]) -> dict[str, Any]:
    """Annotations of the constructor; none where one of them cannot be read."""
    try:
        return typing.get_type_hints(kind.__init__)
    except Exception:  # noqa: BLE001 - it evaluates what the application wrote
        return {}


def _is_kept(kind: Any) -> bool:
    if kind is NoneType or issubclass(kind, Agent | ChatContext):
        return kind is not NoneType
    return typed.is_value(kind) or typed.record_of(kind) is not None


def _encoded(value: object) -> JSON:
    """LOST where it cannot be written down, or a part of it cannot."""
    try:
        encoded = typed.encode(value, lambda part: cards.name_of(part, {}))
    except TooMuch:
        return LOST
    return LOST if _is_live(encoded) else encoded


def _is_live(encoded: JSON) -> bool:
    if isinstance(encoded, dict):
        return bool(OF_A_PROCESS & encoded.keys()) or any(map(_is_live, encoded.values()))
    return isinstance(encoded, list) and any(map(_is_live, encoded))


def decoded(kind: type[Agent] | None, name: str, encoded: JSON, decoder: Decoder) -> Any:
    """The value again; `kind` may say its type. Raises Unfit."""
    hint = hints_of(kind).get(name, Any) if kind else Any
    return decoder.of(encoded, (name,), hint=hint)
