"""What is watched, on the wire: values as JSON, and the events of a watch as server-sent events.

An event has the revision that is known with it as its id, so that a browser which comes again sends
it as `Last-Event-ID`. The values of a snapshot have none: who has not got all of them begins anew.
"""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec

from unbroken.coordination.changes import StateChange
from unbroken.coordination.feeds import ALIVE, CHANGE, SNAPSHOT, SYNCED, VALUE, StateEvent
from unbroken.coordination.values import VALUE_BYTES_MAX
from unbroken.errors import ArchiveUnavailable

EVENT_BYTES_MAX = 2 * VALUE_BYTES_MAX  # with its key, and what is around it
_NULL = msgspec.Raw(b"null")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999_US = 253_402_300_799_999_999
_PARTS = {SNAPSHOT, VALUE}  # who has got these may not go on behind them


class StateValueOut(msgspec.Struct, frozen=True):
    """What a key is. `value` is null for one that was deleted, and for one that is damaged."""

    key: str
    version: int
    value: msgspec.Raw
    changed_at: datetime
    deleted: bool = False
    corrupt: bool = False


class StateListOut(msgspec.Struct, frozen=True):
    """Values in the order of their keys; more follow behind the key `next`."""

    revision: int
    values: list[StateValueOut]
    next: str | None = None


class StateRevisionOut(msgspec.Struct, frozen=True):
    revision: int


def said(change: StateChange) -> StateValueOut:
    moment = _EPOCH + timedelta(microseconds=max(0, min(change.at_us, _YEAR_9999_US)))
    value = _NULL if change.content is None else msgspec.Raw(change.content)
    return StateValueOut(
        change.key, change.version, value, moment, change.is_deleted, not change.is_whole
    )


def heard(value: StateValueOut) -> StateChange:
    at_us = (value.changed_at - _EPOCH) // timedelta(microseconds=1)
    content = None if value.deleted or value.corrupt else bytes(value.value)
    return StateChange(value.key, value.version, content, at_us, not value.corrupt)


def encode(event: StateEvent) -> bytes:
    """As a server-sent event; one that only says that there is nothing new is no event to a
    browser, which notes its id all the same."""
    lines = [] if event.name in _PARTS else [b"id: %d" % event.revision]
    if event.name != ALIVE:
        told = StateRevisionOut(event.revision) if event.change is None else said(event.change)
        lines += [b"event: " + event.name.encode(), b"data: " + msgspec.json.encode(told)]
    return b"\n".join(lines) + b"\n\n"


async def decode(parts: AsyncIterable[bytes]) -> AsyncIterator[StateEvent]:
    """The events of an answer. Raises ArchiveUnavailable for what is none."""
    left = b""
    async for part in parts:
        *whole, left = (left + part).split(b"\n\n")
        if len(left) > EVENT_BYTES_MAX:
            raise ArchiveUnavailable("an event without end")
        for text in whole:
            yield _event(text)


def _event(text: bytes) -> StateEvent:
    fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if b": " in line)
    name, data = fields.get(b"event", ALIVE.encode()).decode(), fields.get(b"data", b"")
    try:
        if name in {VALUE, CHANGE}:
            change = heard(msgspec.json.decode(data, type=StateValueOut))
            return StateEvent(name, change.version, change)
        if name in {SNAPSHOT, SYNCED}:
            return StateEvent(name, msgspec.json.decode(data, type=StateRevisionOut).revision)
        if name == ALIVE:
            return StateEvent(name, int(fields[b"id"]))
    except (KeyError, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ArchiveUnavailable(f"a watch answers in another form: {error}") from None
    raise ArchiveUnavailable("a watch answers with an unknown event")
