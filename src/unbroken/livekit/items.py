"""LiveKit's chat items: to LiveKit's own JSON, lossless, and back."""

from collections.abc import Hashable, Iterable
from typing import Any

from livekit.agents.llm import ChatContext, ChatItem, ChatMessage

from unbroken.entries import Item
from unbroken.mirror import Codec


def encode(item: ChatItem) -> Item:
    """All of it: times, images, audio and metrics too, which LiveKit leaves out by default."""
    whole = ChatContext([item]).to_dict(
        exclude_image=False, exclude_audio=False, exclude_timestamp=False
    )
    encoded: Item = whole["items"][0]
    return encoded


def decode(items: Iterable[Item]) -> list[ChatItem]:
    """Equal items, with their times. Raises pydantic's ValidationError."""
    return ChatContext.from_dict({"items": list(items)}).items


def fingerprint(item: ChatItem) -> Hashable:
    """Cheap, and different when the words, the outcome or the metrics are."""
    if isinstance(item, ChatMessage):
        said = tuple(part if isinstance(part, str) else id(part) for part in item.content)
        more = tuple(item.metrics.items()), repr(item.extra) if item.extra else ""
        return item.created_at, item.role, item.interrupted, said, more
    return tuple(_plain(value) for _, value in item)


def _plain(value: Any) -> Hashable:
    return repr(value) if isinstance(value, dict | list) else value


CODEC: Codec = Codec(encode, fingerprint)  # type: ignore[arg-type]
