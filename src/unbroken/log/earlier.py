"""What userdata and attributes were at earlier moments of a session: code that is run again begins
with what it began with, and finds behind each of its awaits what it had found there.
"""

from collections import deque

import msgspec

from unbroken.log.attributes import Attributes
from unbroken.log.changes import Change, changed, inverse
from unbroken.log.entries import JSON, AttributesChanged, UserdataChanged

BYTES_MAX = 1_000_000  # of what is kept; a moment that is older is not known any more


class Before(msgspec.Struct, frozen=True, omit_defaults=True):
    """What undoes one entry: without `changes` the value is `value`. `gone` are those of the
    changed fields that had been removed."""

    type: str | None
    refused: dict[str, str] = {}
    value: JSON = None
    changes: tuple[Change, ...] | None = None
    gone: tuple[str, ...] = ()


class Earlier:
    """Only the fold changes it. An entry costs as much as what it replaces."""

    def __init__(self) -> None:
        self._kept: deque[tuple[str, bytes]] = deque()  # by field: what undoes each entry
        self._forgotten = self._bytes = 0

    @property
    def now(self) -> int:
        """This moment: it is asked for by this number later."""
        return self._forgotten + len(self._kept)

    def change(
        self, field: str, held: Attributes, payload: UserdataChanged | AttributesChanged
    ) -> None:
        """`held`, of that field of the report, changes as `payload` says."""
        self._keep(field, msgspec.json.encode(_before(held, payload)))
        held.change(payload)

    def at(self, moment: int | None, field: str, now: Attributes) -> Attributes:
        """`now`, as it was then; itself, where that is None or not known any more."""
        if moment is None or moment < self._forgotten:
            return now
        behind = list(self._kept)[moment - self._forgotten :]
        undo = [data for its, data in reversed(behind) if its == field]
        return _undone(now, undo) if undo else now

    def _keep(self, field: str, data: bytes) -> None:
        self._kept.append((field, data))
        self._bytes += len(data)
        while self._bytes > BYTES_MAX:
            self._bytes -= len(self._kept.popleft()[1])
            self._forgotten += 1


def _before(held: Attributes, payload: UserdataChanged | AttributesChanged) -> Before:
    if payload.changes is None:
        return Before(held.type, held.refused, held.value)
    names = {change.at[0] for change in payload.changes if change.at}
    value, back = held.value, list[Change]()
    for change in payload.changes:  # paths of one entry do not lead into one another
        back.append(inverse(value, change))
    gone = tuple(held.gone & names)
    return Before(held.type, held.refused, None, tuple(reversed(back)), gone)


def _undone(now: Attributes, undo: list[bytes]) -> Attributes:
    """A copy without these entries. What it has not is gone from it."""
    was = Attributes()
    was.value, was.gone = msgspec.json.decode(msgspec.json.encode(now.value)), set(now.gone)
    for data in undo:
        before = msgspec.json.decode(data, type=Before)
        was.type, was.refused = before.type, before.refused
        if before.changes is None:
            was.value = before.value
        else:
            was.value = changed(was.value, before.changes)
            was.gone -= {change.at[0] for change in before.changes if change.at}
            was.gone |= set(before.gone)
    was.gone |= _names(now.value) - _names(was.value)
    return was


def _names(value: JSON) -> set[str]:
    return set(value) if isinstance(value, dict) else set()
