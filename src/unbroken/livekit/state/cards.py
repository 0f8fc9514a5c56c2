"""Payment cards that LiveKit's own tasks ask for: in the log only where LiveKit's history has them.

A card's number stands in the arguments of the call by which a model told it, as in LiveKit's own
history. Nothing else here writes it: an attribute of a task is made again of that call, and a
result is written as a name of the calls that it came from.
"""

from collections.abc import Mapping
from typing import Any

from livekit.agents import Agent

from unbroken.livekit import fragile
from unbroken.log.tool import Tool
from unbroken.typed import Refer

CARD = "of a card:"  # begins the name of what is told only by calls
NOBODY_TOLD = "?"


def attributes_of(kind: type) -> frozenset[str]:
    """Those that are never written, of agents of this class."""
    return frozenset(fragile.card_attributes(kind))


def name_of(value: object, tools: Mapping[str, Tool]) -> str | None:
    """A name for what a card task came to, which has nothing of the card; None: it is none."""
    if (fields := fragile.card_fields(value)) is None:
        return None
    told = (_call_of(name, text, tools) for name, text in fields.secret.items())
    return "\n".join([CARD, fields.kind, *told, *fields.others])


def refer(tools: Mapping[str, Tool], others: Refer) -> Refer:
    """What such a name stands for, and what the others know."""

    def referred(name: str, old: Any) -> Any:
        return _made(name, tools) if name.startswith(CARD) else others(name, old)

    return referred


def put_back(agent: Agent, key: str, tools: Mapping[str, Tool]) -> None:
    """What the task of that key had been told, newest last."""
    for tool in tools.values():
        told = fragile.told_of_card(tool.name, tool.arguments) if tool.agent == key else None
        if told and told.attribute in attributes_of(type(agent)):
            setattr(agent, told.attribute, told.text)


def _call_of(name: str, text: str, tools: Mapping[str, Tool]) -> str:
    for tool in reversed([*tools.values()]):
        told = fragile.told_of_card(tool.name, tool.arguments)
        if told and (told.attribute, told.text) == (name, text):
            return tool.call_id
    return NOBODY_TOLD


def _made(name: str, tools: Mapping[str, Tool]) -> Any:
    """Raises KeyError."""
    _, kind, *parts = name.split("\n")
    texts = []
    for part in parts:
        tool = tools.get(part)
        told = fragile.told_of_card(tool.name, tool.arguments) if tool else None
        texts.append(told.text if told else part)
    if NOBODY_TOLD in parts:
        raise KeyError("no call told it")
    return fragile.card_result(kind, texts)
