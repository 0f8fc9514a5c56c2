"""What the log holds of an object whose attributes are kept: the session's userdata, an agent."""

from typing import Any

import msgspec

from unbroken.changes import changed
from unbroken.entries import AttributesChanged, UserdataChanged


class Attributes:
    """What the log holds of an object's attributes: the userdata's, or an agent's."""

    def __init__(self) -> None:
        self.type: str | None = None  # its class; None: nothing was recorded
        self.value: Any = None
        self.gone: set[str] = set()  # those that had been recorded, and were removed
        self.refused: dict[str, str] = {}  # those that are older than they were, and why

    def change(self, payload: UserdataChanged | AttributesChanged) -> None:
        self.type, self.refused = payload.type, payload.refused
        if payload.changes is None:
            self.value = payload.value
            return
        self.value = changed(self.value, payload.changes)
        for change in payload.changes:
            if len(change.at) == 1 and change.is_gone:
                self.gone.add(change.at[0])
            else:
                self.gone.difference_update(change.at[:1])

    def encoded(self) -> bytes:
        """As it is now; what is recorded later does not change that."""
        parts = self.type, self.value, sorted(self.gone), self.refused
        return msgspec.msgpack.encode(parts)

    @classmethod
    def decoded(cls, data: bytes) -> "Attributes":
        held = cls()
        held.type, held.value, gone, held.refused = msgspec.msgpack.decode(data)
        held.gone = set(gone)
        return held


class AtTaskEnd:
    """What the log held when the newest task ended. Only what has changed since is kept, by field:
    a task's end costs nothing, and the first change behind it one copy of its object."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] | None = None  # None: no task has ended

    def begin(self) -> None:
        self._held = {}

    def before_change(self, field: str, now: Attributes) -> None:
        if self._held is not None and field not in self._held:
            self._held[field] = now.encoded()

    def of(self, field: str, now: Attributes) -> Attributes:
        held = (self._held or {}).get(field)
        return Attributes.decoded(held) if held else now
