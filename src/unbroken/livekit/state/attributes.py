"""What an agent's class sets on its agents: slots, counters, switches. What LiveKit sets is not it.

A class leaves attributes out with `not_durable = ("token",)`, or all with `not_durable = True`.
"""

import asyncio
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from livekit.agents import Agent, AgentTask

from unbroken.livekit.state import cards, objects
from unbroken.livekit.state.objects import Reading, Target
from unbroken.log.attributes import Attributes
from unbroken.log.session import ATTRIBUTES_OF
from unbroken.typed import Decoder, Loose, Name, RecordState
from unbroken.typed.records import CLASSES_MAX

FIELD = ATTRIBUTES_OF


class Own(Loose):
    """An agent, as the attributes that are its class's own."""

    def declares(self, name: str) -> bool:
        return super().declares(name) and name not in self._others()

    def split(self, found: Mapping[str, Any]) -> RecordState:
        others = self._others()
        return super().split({n: part for n, part in found.items() if n not in others})

    def _others(self) -> frozenset[str]:
        return livekits() | cards.attributes_of(self.kind)


@cache
def livekits() -> frozenset[str]:
    """The attributes that every agent has from LiveKit; asked for while a loop runs."""
    asyncio.get_running_loop()
    return frozenset(vars(AgentTask(instructions="")))


def are_any(agent: Agent) -> bool:
    """Whether the class may have set anything on the agent."""
    kind: Any = type(agent)
    return not vars(agent).keys() <= _every_agents() or _has_slots(kind)


@cache
def _every_agents() -> frozenset[str]:
    """The names of attributes that LiveKit sets, and of methods, which we do."""
    return livekits() | frozenset(dir(Agent))


@lru_cache(CLASSES_MAX)
def _has_slots(kind: type) -> bool:
    return any(vars(base).get("__slots__") for base in kind.__mro__[:-1])


def target(key: str, agent: Agent) -> Target:
    """To read, of the agent of that key."""
    return Target(FIELD + key, agent, Own(type(agent)))


def read(agent: Agent, name: Name) -> Reading:
    return objects.read(agent, name, Own(type(agent)))


def restore(agent: Agent, saved: Attributes, decoder: Decoder) -> None:
    """Put them into the agent. What could not be is in the decoder's problems."""
    objects.put_back(agent, saved, decoder, Own(type(agent)))
