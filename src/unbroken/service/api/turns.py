"""Turns: what a person said and what the assistant did about it, with its delays."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from unbroken.log.entries import ItemPut, decode
from unbroken.store.records import Message

Item = tuple[Message, bytes | None]  # of tools with the payload

USER_DELAYS = {"end_of_turn": "end_of_turn_delay", "transcription": "transcription_delay"}
ASSISTANT_DELAYS = {
    "llm_first_token": "llm_node_ttft",
    "tts_first_byte": "tts_node_ttfb",
    "total": "e2e_latency",
}


class TurnTool(msgspec.Struct, kw_only=True):
    """`output` None: it has not ended, or nobody saw it end."""

    name: str
    arguments: str
    output: str | None = None
    is_error: bool = False


class Turn(msgspec.Struct, kw_only=True):
    """`user` None: the assistant spoke first."""

    id: str
    user: Message | None = None
    assistant: list[Message] = []
    tools: list[TurnTool] = []

    def delays_ms(self) -> dict[str, float]:
        """What LiveKit measured: of the person's message, and of the first answer."""
        found = _delays(self.user, USER_DELAYS)
        for answer in self.assistant:
            found = _delays(answer, ASSISTANT_DELAYS) | found
        return found


def turns(items: Iterable[Item]) -> list[Turn]:
    """Items in order of the transcript, as turns; a turn stands where it begins, also if others
    of another session go on meanwhile."""
    found: dict[tuple[Any, ...], Turn] = {}
    tools: dict[tuple[Any, ...], dict[str, TurnTool]] = {}
    for message, payload in items:
        key = (message.session_id, message.turn_id)
        turn = found.setdefault(key, Turn(id=message.turn_id or message.id))
        _add(turn, message, payload, tools.setdefault(key, {}))
    return list(found.values())


def _add(turn: Turn, message: Message, payload: bytes | None, tools: dict[str, TurnTool]) -> None:
    match message.role:
        case "user":
            turn.user = message
        case "assistant":
            turn.assistant.append(message)
        case "function_call":
            item = _item(payload)
            tool = TurnTool(name=_text(item, "name"), arguments=_text(item, "arguments"))
            turn.tools.append(tool)
            tools[_text(item, "call_id")] = tool
        case "function_call_output":
            item = _item(payload)
            if called := tools.get(_text(item, "call_id")):
                called.output = message.content
                called.is_error = item.get("is_error") is True


def _item(payload: bytes | None) -> dict[str, Any]:
    put = decode("item", payload or b"")
    return put.item if isinstance(put, ItemPut) else {}


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _delays(message: Message | None, names: dict[str, str]) -> dict[str, float]:
    metrics = message.metrics if message and message.metrics else {}
    return {
        ours: round(seconds * 1_000, 1)
        for ours, theirs in names.items()
        if isinstance(seconds := metrics.get(theirs), int | float)
        and not isinstance(seconds, bool)
        and math.isfinite(seconds * 1_000)
    }
