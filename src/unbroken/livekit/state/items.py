"""LiveKit's chat items: to LiveKit's own JSON, lossless, and back.

An item's `extra` may hold anything (a model's signature in bytes, an application's objects). Where
JSON does not say it by itself, it is in the JSON of `typed`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from livekit.agents.llm import ChatContext, ChatItem
from pydantic import TypeAdapter

from unbroken import typed
from unbroken.live.tracked import Codec
from unbroken.log.entries import JSON, Item
from unbroken.log.plain import plain

FIXED = frozenset((str, int, float, bool, type(None)))  # no value of these can be changed

_ITEMS: TypeAdapter[list[ChatItem]] = TypeAdapter(list[ChatItem])


def encode(item: ChatItem) -> Item:
    """All of it: times, images, audio and metrics too, which LiveKit leaves out by default."""
    extra = getattr(item, "extra", None)
    if not extra:
        return _as_livekit(item)
    return _as_livekit(item.model_copy(update={"extra": {}})) | {"extra": _written(extra)}


def decode(items: Iterable[Item]) -> list[ChatItem]:
    """Equal items, with their times, without objects of another process. Raises pydantic's
    ValidationError."""
    return _ITEMS.validate_python([_with_values(item) for item in items])


def lacks(item: Item) -> bool:
    """Whether it held what cannot be made again: objects of its process."""
    return bool(_is_typed(item.get("extra")) and _read(item["extra"])[1])


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


def _as_livekit(item: ChatItem) -> Item:
    whole = ChatContext([item]).to_dict(
        exclude_image=False, exclude_audio=False, exclude_timestamp=False
    )
    encoded: Item = whole["items"][0]
    return encoded


def _written(extra: dict[str, Any]) -> JSON:
    copied = plain(extra)
    if copied == extra and not _is_typed(extra):
        return copied
    try:
        return typed.encode(extra)
    except typed.TooMuch:
        return {"$live": "builtins.dict"}


def _with_values(item: Item) -> Item:
    return item | {"extra": _read(item["extra"])[0]} if _is_typed(item.get("extra")) else item


def _read(extra: JSON) -> tuple[dict[str, Any], bool]:
    """What can be made again, and whether that is less than it was."""
    decoder = typed.Decoder(_nobody, lambda _: None)
    try:
        return decoder.of(extra, ()), bool(decoder.problems)
    except typed.Unfit:
        return {}, True


def _is_typed(extra: JSON) -> bool:
    return bool(extra) and b'"$' in msgspec.json.encode(extra)


def _nobody(name: str, _old: Any) -> Any:
    raise KeyError(name)


CODEC: Codec = Codec(encode, fingerprint)  # type: ignore[arg-type]
