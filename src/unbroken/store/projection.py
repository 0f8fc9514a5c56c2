"""What an entry changes in the rows that people read. No SQL, and never an error.

A payload that says nothing this version understands changes nothing. What comes out is fit for
any store: text without NUL or lone surrogates, integers of 64 bits.
"""

import logging
from typing import TypeAlias

import msgspec

from unbroken.log import entries
from unbroken.log.cause import ENDING
from unbroken.log.entries import (
    Ended,
    ItemPut,
    ItemsRemoved,
    Noted,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Recovered,
)
from unbroken.store import large
from unbroken.store.text import as_json, clean

log = logging.getLogger(__name__)

ID_CHARS_MAX = 256
SPEECH_US_MAX = 600_000_000  # from the beginning of one utterance to its entry in the log
_INT_MAX = (1 << 63) - 1


class PutMessage(msgspec.Struct, frozen=True, kw_only=True):
    item_id: str
    after: str | None
    role: str
    text: str
    interrupted: bool
    speaker: str | None
    at_us: int
    heard_at_us: int  # when it began to be heard, by the clock of its host
    heard_ms: int | None
    metrics: str | None
    is_whole: bool = True  # no part of its text is stored apart


class RemoveMessages(msgspec.Struct, frozen=True):
    item_ids: tuple[str, ...]


class PutParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """None: as it was."""

    identity: str
    kind: str | None = None
    name: str | None = None
    metadata: bytes | None = None
    attributes: str | None = None
    joined_at_us: int | None = None


class LeaveParticipant(msgspec.Struct, frozen=True):
    identity: str
    at_us: int


class EndSession(msgspec.Struct, frozen=True):
    reason: str


class HangUp(msgspec.Struct, frozen=True):
    """The session ends as soon as its holder has left or died. None: it goes on after all."""

    reason: str | None
    at_us: int


class PutUser(msgspec.Struct, frozen=True):
    """A person of the conversation, as the application named them."""

    user_id: str


class PutReport(msgspec.Struct, frozen=True):
    """What a holder says about how it took over, in the form of the entry."""

    report: bytes


Change: TypeAlias = (
    PutMessage
    | RemoveMessages
    | PutParticipant
    | LeaveParticipant
    | EndSession
    | HangUp
    | PutReport
    | PutUser
)


def changes(kind: str, payload: bytes, at_us: int, flags: int = 0) -> Change | None:
    """None too for what cannot be read: the entry stands in the log all the same."""
    try:
        said = large.without_parts(payload) if flags & entries.BLOBS else payload
        change = _change(kind, said, at_us)
    except Exception:  # whatever a payload is, it may concern nobody else
        log.exception("entry not projected", extra={"kind": kind})
        return None
    if isinstance(change, PutMessage) and said is not payload:
        return msgspec.structs.replace(change, is_whole=False)
    return change


def _change(kind: str, payload: bytes, at_us: int) -> Change | None:  # noqa: PLR0911 - one a kind
    match entries.decode(kind, payload):
        case ItemPut() as put:
            return _message(put, at_us)
        case ItemsRemoved(ids=ids):
            return RemoveMessages(tuple(clean(name) for name in ids))
        case ParticipantJoined() as joined:
            return PutParticipant(
                identity=clean(joined.identity),
                kind=clean(joined.participant_kind),
                name=clean(joined.name),
                metadata=_utf8(joined.metadata),
                attributes=as_json(joined.attributes),
                joined_at_us=at_us,
            )
        case ParticipantChanged() as changed:
            return PutParticipant(
                identity=clean(changed.identity),
                name=None if changed.name is None else clean(changed.name),
                metadata=None if changed.metadata is None else _utf8(changed.metadata),
                attributes=None if changed.attributes is None else as_json(changed.attributes),
            )
        case ParticipantLeft(identity=identity):
            return LeaveParticipant(clean(identity), at_us)
        case Ended(reason=reason):
            return EndSession(clean(reason))
        case Noted(name=name, data=reason) if name == ENDING:
            return HangUp(None if reason is None else clean(str(reason)), at_us)
        case Noted(name=entries.USER, data=str(user_id)) if 0 < len(user_id) <= ID_CHARS_MAX:
            return PutUser(clean(user_id))
        case Recovered():
            return PutReport(payload)
        case _:
            return None


def text_of(payload: bytes) -> str:
    """The words of an `item`, as a text column has them."""
    put = entries.decode("item", payload)
    return clean(_text(put.item)) if isinstance(put, ItemPut) else ""


def _message(put: ItemPut, at_us: int) -> PutMessage | None:
    item = put.item
    item_id = item.get("id")
    if not isinstance(item_id, str) or not 0 < len(item_id) <= ID_CHARS_MAX:
        return None
    metrics, created_us = item.get("metrics"), _created_us(item, at_us)
    return PutMessage(
        item_id=clean(item_id),
        after=None if put.after is None else clean(put.after),
        role=_role(item),
        text=clean(_text(item)),
        interrupted=item.get("interrupted") is True,
        speaker=None if put.from_ is None else clean(put.from_),
        at_us=created_us,
        heard_at_us=created_us if 0 <= at_us - created_us <= SPEECH_US_MAX else at_us,
        heard_ms=None if put.heard_ms is None else max(0, min(put.heard_ms, _INT_MAX)),
        metrics=as_json(metrics) if isinstance(metrics, dict) and metrics else None,
    )


def _role(item: entries.Item) -> str:
    kind = item.get("type", "message")
    name = item.get("role") if kind == "message" else kind
    return clean(name)[:ID_CHARS_MAX] if isinstance(name, str) and name else "unknown"


def _text(item: entries.Item) -> str:
    match item.get("type", "message"):
        case "message":
            content = item.get("content")
            parts = content if isinstance(content, list) else [content]
            return "\n".join(part for part in parts if isinstance(part, str))
        case "function_call":
            return f"{_str(item, 'name')}({_str(item, 'arguments')})"
        case "function_call_output":
            return _str(item, "output")
        case "agent_handoff":
            return _str(item, "new_agent_id")
        case _:
            return ""


def _str(item: entries.Item, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _created_us(item: entries.Item, at_us: int) -> int:
    seconds = item.get("created_at")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return at_us
    if not 0 < seconds < _INT_MAX // 1_000_000:  # nor NaN, nor an integer of 400 digits
        return at_us
    return int(seconds * 1_000_000)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
