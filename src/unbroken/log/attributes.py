"""What the log holds of an object whose attributes are kept: the session's userdata, an agent."""

from typing import Any

from unbroken.log.changes import changed
from unbroken.log.entries import AttributesChanged, UserdataChanged


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
