"""What one process knows of an owner's state: read without I/O, filled by a watch.

A change of one's own is known when the service has answered, often before the watch brings it, so
that one reads what one has written. The newer version of a key wins, whichever way it came.
"""

from unbroken.coordination.changes import NO_VERSION, StateChange


class Replica:
    def __init__(self) -> None:
        self.revision = NO_VERSION  # up to which the watch has brought everything
        self._known: dict[str, StateChange] = {}  # deleted ones, too, until the watch brings that
        self._own: set[str] = set()  # changed by us since the watch was opened anew

    def get(self, key: str) -> StateChange | None:
        """None: there is no such value."""
        known = self._known.get(key)
        return None if known is None or known.is_deleted else known

    def values(self, prefix: str = "") -> list[StateChange]:
        """In the order of their keys."""
        keys = sorted(key for key in self._known if key.startswith(prefix))
        return [known for key in keys if (known := self.get(key))]

    def reopen(self) -> None:
        """The watch is opened anew: the service may be another one, that knows less."""
        self._own.clear()

    def wrote(self, change: StateChange) -> None:
        if change.version > self.revision:
            self._own.add(change.key)
            self._apply(change)

    def reset(self, revision: int, values: list[StateChange]) -> None:
        """These are all that there is, and what was changed meanwhile."""
        own = [self._known[key] for key in self._own]
        self.revision, self._known = revision, {value.key: value for value in values}
        for change in own:
            if change.version > revision:
                self._apply(change)

    def follow(self, change: StateChange) -> None:
        """The next one that the watch brings."""
        self.revision = change.version
        self._apply(change)
        if self._known[change.key].version == change.version and change.is_deleted:
            del self._known[change.key]

    def _apply(self, change: StateChange) -> None:
        known = self._known.get(change.key)
        if known is None or known.version < change.version:
            self._known[change.key] = change
