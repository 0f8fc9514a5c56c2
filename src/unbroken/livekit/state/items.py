"""LiveKit's chat items: to LiveKit's own JSON, lossless, and back."""

from collections.abc import Iterable
from typing import Any

from livekit.agents.llm import ChatContext, ChatItem
from pydantic import TypeAdapter

from unbroken.live.tracked import Codec
from unbroken.log.entries import Item

FIXED = frozenset((str, int, float, bool, type(None)))  # no value of these can be changed

_ITEMS: TypeAdapter[list[ChatItem]] = TypeAdapter(list[ChatItem])


def encode(item: ChatItem) -> Item:
    """All of it: times, images, audio and metrics too, which LiveKit leaves out by default."""
    whole = ChatContext([item]).to_dict(
        exclude_image=False, exclude_audio=False, exclude_timestamp=False
    )
    encoded: Item = whole["items"][0]
    return encoded


def decode(items: Iterable[Item]) -> list[ChatItem]:
    """Equal items, with their times. Raises pydantic's ValidationError."""
    return _ITEMS.validate_python(list(items))


def fingerprint(item: ChatItem) -> Any:
    """A copy of what can be changed in place: equal to `vars(item)` until something is. Images and
    other objects are themselves; None for what holds itself."""
    try:
        return {
            name: value if type(value) in FIXED else _copy(value)
            for name, value in vars(item).items()
        }
    except RecursionError:
        return None


def _copy(value: Any) -> Any:
    if type(value) is list:
        return [_copy(part) for part in value]
    if type(value) is dict:
        return {key: _copy(part) for key, part in value.items()}
    return value


CODEC: Codec = Codec(encode, fingerprint)  # type: ignore[arg-type]
