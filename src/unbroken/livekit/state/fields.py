"""The fields of a session's state, read from the live objects.

Their names are those of the restore report and of `Session.folded`: what a reader gives for a
name is equal to what the fold of the log has for it, or the state is not what it was.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

from livekit.agents import Agent, AgentSession

from unbroken.livekit.state import contexts, instructions, options, tools
from unbroken.log import digest
from unbroken.log.entries import JSON
from unbroken.log.session import CONTEXT_OF, Session

log = logging.getLogger(__name__)

UNREAD = "unread"  # the digest of what could not be read: equal to none


class Owner(Protocol):
    """Of a field that is not the session's own."""

    def read(self) -> JSON: ...

    def difference(self) -> str | None:
        """How what is here now is not as the last holder had it."""


class Now(NamedTuple):
    """The live objects: the agents that are read, by key, and the key of the current one;
    `refused` are the names of what was switched, and no entry can hold."""

    session: AgentSession[Any]
    agents: Mapping[str, Agent]
    agent: str
    saved: Session
    refused: Collection[str] = ()


Reader: TypeAlias = Callable[[Now], Mapping[str, JSON]]  # the values, by field


def digests(now: Now, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """By field; `known` are those of what somebody has just read. A reader that fails costs its
    own."""
    found = dict(known)
    kinds = {kind_of(field) for field in known}
    for name, read in READERS.items():
        if name in kinds:
            continue
        try:
            found |= {field: digest.of(value) for field, value in read(now).items()}
        except Exception:
            log.exception("state not read", extra={"field": name})
            found |= {field: UNREAD for field in now.saved.digests if kind_of(field) == name}
    return found


def of_others(owners: Mapping[str, Owner]) -> dict[str, str]:
    """The digests of the fields that have owners of their own."""
    found = {}
    for field, owner in owners.items():
        try:
            found[field] = digest.of(owner.read())
        except Exception:
            log.exception("state not read", extra={"field": field})
            found[field] = UNREAD
    return found


def of_options(read: Mapping[str, JSON], now: Now) -> dict[str, str]:
    """The digests of what `options.read` has just read; none of nothing."""
    if not read:
        return {}
    own = {name: value for name, value in read.items() if name.startswith(options.OF_AN_AGENT)}
    own["options"] = _changed(read, now)
    return {field: digest.of(value) for field, value in own.items()}


def kind_of(field: str) -> str:
    """How the fields of the same kind begin."""
    name, of, _ = field.partition(" of ")
    return name + of


def _options(now: Now) -> dict[str, JSON]:
    return {"options": _changed(options.read(now.session, now.agents), now)}


def _changed(read: Mapping[str, JSON], now: Now) -> dict[str, JSON]:
    """Of the options `read` those that were changed, whether the log can say so or not."""
    of_session = (name for name in now.refused if not name.startswith(options.OF_AN_AGENT))
    refused = {name: read[name] for name in of_session if name in read}
    return options.changed(read, now.saved, now.agents) | refused


READERS: dict[str, Reader] = {  # by the field that is read, or how its fields begin
    "history": lambda now: {"history": contexts.read(now.session.history.items)},
    CONTEXT_OF: lambda now: {
        CONTEXT_OF + key: contexts.read(agent.chat_ctx.items) for key, agent in now.agents.items()
    },
    instructions.OF: lambda now: {
        instructions.OF + key: instructions.read(agent) for key, agent in now.agents.items()
    },
    tools.OF: lambda now: {tools.OF + key: tools.read(agent) for key, agent in now.agents.items()},
    "agent": lambda now: {"agent": now.agent},
    "options": _options,
}
