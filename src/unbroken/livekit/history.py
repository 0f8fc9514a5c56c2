"""`conversation_history`: a list-like view of what was said, whose `append` is safe at once."""

from collections.abc import Iterator, Sequence
from typing import overload

from livekit.agents.llm import ChatMessage

from unbroken.backend_client import LLMMessage
from unbroken.live.live import Live
from unbroken.log.entries import Item, text_of


class History(Sequence[LLMMessage]):
    """Messages in the order of the conversation. Reading costs no I/O."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def append(self, message: LLMMessage | ChatMessage) -> None:
        """Record a message. One that LiveKit reports too, before or after, appears once; so does
        one that was said in this call and is appended again."""
        if message.id in self._live.session.placed:
            return
        if isinstance(message, ChatMessage):
            message = LLMMessage(role=message.role, content=message.text_content or "")
        self._live.say("history", message.role, message.content, extra=dict(message.metadata))

    def __len__(self) -> int:
        return len(self._live.session.spoken)

    @overload
    def __getitem__(self, index: int) -> LLMMessage: ...
    @overload
    def __getitem__(self, index: slice) -> list[LLMMessage]: ...
    def __getitem__(self, index: int | slice) -> LLMMessage | list[LLMMessage]:
        """Costs what it gives: nobody walks through a long call for a part of it."""
        session = self._live.session
        if isinstance(index, slice):
            return [to_message(session.items[item_id]) for item_id in session.spoken[index]]
        return to_message(session.items[session.spoken[index]])

    def __iter__(self) -> Iterator[LLMMessage]:
        """What was said so far; what is appended meanwhile is not in it."""
        return iter(self[:])


def to_message(item: Item) -> LLMMessage:
    return LLMMessage(
        role=item["role"],
        content=text_of(item),
        metadata=dict(item.get("extra", {})),
        id=item["id"],
        created_at=item.get("created_at"),
        interrupted=bool(item.get("interrupted")),
    )
