"""Text and JSON as any store can hold them."""

from typing import Any, TypeVar

import msgspec

from unbroken.errors import Corrupt
from unbroken.log import entries

TITLE_CHARS_MAX = 80
T = TypeVar("T")


def clean(text: str) -> str:
    """`text` as a text column can hold it: nothing of it is lost but what no column can say."""
    plain = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return plain if plain.isascii() else plain.encode("utf-8", "replace").decode("utf-8")


def title_of(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARS_MAX else line[: TITLE_CHARS_MAX - 1] + "…"


def as_json(value: Any) -> str:
    """`value` as JSON text; the nearest that JSON can say."""
    return clean(msgspec.json.encode(entries.plain(value)).decode("utf-8", "replace"))


def stored_json(text: str | bytes, kind: type[T]) -> T:
    """Raises Corrupt if it is no such thing."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"the database is damaged: {error}") from error
