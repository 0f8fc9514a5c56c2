"""What a dispatch says to the agent that it brings: the application's words, and ours beside them.

Every successor is dispatched with what the application's first dispatch said, and a pointer to
its session under the one key `unbroken`:

    metadata is a JSON object   the same text, with `"unbroken": {...}` as its last member
    metadata is empty           {"unbroken": {...}}
    any other text              that text, exactly; the attribute `unbroken` holds the pointer

Attributes are the application's, unchanged. The text of an object is not written anew, so that
its numbers, spaces and repeated keys stay as they were.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

KEY = "unbroken"
KEPT_BYTES_MAX = 64 << 10  # what says more is not kept with the session; LiveKit's list has it
TEXT_BYTES_MAX = 512 << 10  # LiveKit takes no longer metadata
EMPTY = re.compile(r"\{\s*\}")
_DECODER = msgspec.json.Decoder(float_hook=float)  # 1E400 is JSON
OURS = re.compile(r',?"unbroken":\{[^{}]*\}\}\s*\Z')


class Said(msgspec.Struct, frozen=True):
    """Metadata and attributes of a dispatch."""

    metadata: str = ""
    attributes: dict[str, str] = {}


NOTHING = Said()


class Pointer(msgspec.Struct, frozen=True):
    """The session that a successor is to continue, and the term that it follows."""

    session_id: UUID
    after_term: int
    conversation_id: UUID


def with_pointer(said: Said, pointer: Pointer) -> Said:
    """`said` with ours beside it."""
    ours = msgspec.json.encode(pointer).decode()
    text = said.metadata.strip()
    if not text:
        return Said(f'{{"{KEY}":{ours}}}', said.attributes)
    if _is_object(text):
        before = text[:-1].rstrip()
        joined = f'{before}{"" if before == "{" else ","}"{KEY}":{ours}}}'
        if len(joined.encode(errors="replace")) <= TEXT_BYTES_MAX:
            return Said(joined, said.attributes)
    return Said(said.metadata, said.attributes | {KEY: ours})


def of_application(said: Said) -> Said:
    """`said` without ours."""
    attributes = {k: v for k, v in said.attributes.items() if k != KEY}
    if not isinstance(json_object(said.metadata).get(KEY), dict):
        return Said(said.metadata, attributes)
    rest = OURS.sub("}", said.metadata)
    return Said("" if rest == "{}" else rest, attributes)


def first_said(dispatches: Iterable[Said]) -> Said:
    """What the application said in the first of them that says something."""
    theirs = (of_application(said) for said in dispatches)
    return next((said for said in theirs if said != NOTHING), NOTHING)


def pointer_in(said: Said) -> dict[str, Any]:
    """What points to a session or conversation; {} if nothing does.

    A conversation may also be named by the application, at the top level.
    """
    found = json_object(said.metadata)
    ours = found.get(KEY)
    if not isinstance(ours, dict):
        ours = json_object(said.attributes.get(KEY, ""))
    if ours or "after_term" in found:  # ...in front of all that is the application's: older ones
        return ours or found
    return {k: v for k, v in found.items() if k == "conversation_id"}


def is_kept(said: Said) -> bool:
    """Whether it is short enough to be kept with the session."""
    parts = [said.metadata, *said.attributes, *said.attributes.values()]
    return sum(len(part.encode(errors="replace")) for part in parts) <= KEPT_BYTES_MAX


def json_object(text: str | None) -> dict[str, Any]:
    """The JSON object that `text` is; {} for anything else: anybody may have written it."""
    if not text or len(text) > TEXT_BYTES_MAX:
        return {}
    try:
        found = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {}
    return found if isinstance(found, dict) else {}


def uuid_in(words: Mapping[str, Any], key: str) -> UUID | None:
    """The UUID under this key, if one is there."""
    try:
        return UUID(words[key])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _is_object(text: str) -> bool:
    return bool(json_object(text)) or EMPTY.fullmatch(text) is not None
