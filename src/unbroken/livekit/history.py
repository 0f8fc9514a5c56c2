"""`conversation_history`: a list-like view of what was said, whose `append` is safe at once."""

import itertools
from collections.abc import Iterator, Sequence
from typing import overload

from livekit.agents.llm import ChatMessage

from unbroken.conversation import LLMMessage
from unbroken.entries import Item, text_of
from unbroken.live import Live
from unbroken.session import is_spoken


class History(Sequence[LLMMessage]):
    """Messages in the order of the conversation. Reading costs no I/O."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def append(self, message: LLMMessage | ChatMessage) -> None:
        """Record a message. One that LiveKit reports too, before or after, appears once."""
        if isinstance(message, ChatMessage):
            message = LLMMessage(role=message.role, content=message.text_content or "")
        self._live.say("history", message.role, message.content, extra=dict(message.metadata))

    def __len__(self) -> int:
        return self._live.session.message_count

    @overload
    def __getitem__(self, index: int) -> LLMMessage: ...
    @overload
    def __getitem__(self, index: slice) -> list[LLMMessage]: ...
    def __getitem__(self, index: int | slice) -> LLMMessage | list[LLMMessage]:
        """The newest ones cost least: nobody walks through a long call for its end."""
        if isinstance(index, slice):
            return list(self)[index]
        session = self._live.session
        order = iter(session.order) if index >= 0 else reversed(session.order)
        items = (session.items[item_id] for item_id in order)
        spoken = (item for item in items if is_spoken(item))
        found = next(itertools.islice(spoken, index if index >= 0 else -index - 1, None), None)
        if found is None:
            raise IndexError(index)
        return to_message(found)

    def __iter__(self) -> Iterator[LLMMessage]:
        return iter([to_message(item) for item in self._live.session.history if is_spoken(item)])


def to_message(item: Item) -> LLMMessage:
    return LLMMessage(
        role=item["role"],
        content=text_of(item),
        metadata=dict(item.get("extra", {})),
        id=item["id"],
        created_at=item.get("created_at"),
        interrupted=bool(item.get("interrupted")),
    )
