"""Which entries of a holder were lost, and why: as runs of n, however many there are. And which
fields of the state are in no entry as they are now."""

import logging
from collections import deque

import msgspec

log = logging.getLogger(__name__)

RUNS_MAX = 1_000  # beyond it all up to the oldest known run is in doubt, and counts as lost


class Loss(msgspec.Struct):
    """The entries `first` to `last`, lost for one reason. `told`: `durable` has said so."""

    first: int
    last: int
    cause: str
    told: bool = False

    def __str__(self) -> str:
        named = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"entry {named} is lost: {self.cause}"


class Losses:
    def __init__(self) -> None:
        self.count = 0
        self._runs: deque[Loss] = deque()

    def add(self, n: int, cause: str) -> bool:
        """Name `n` lost; whether that begins a new run."""
        if self.of(n):
            return False
        self.count += 1
        newest = self._runs[-1] if self._runs else None
        if newest and newest.last == n - 1 and newest.cause == cause and not newest.told:
            newest.last = n
            return False
        self._runs.append(Loss(n, n, cause))
        if len(self._runs) > RUNS_MAX:
            self._forget_oldest()
        return True

    def doubt(self, upto: int, cause: str) -> None:
        """Which ones were lost cannot be told: all up to `upto` count as lost."""
        self.count += 1
        self._runs.clear()
        self._runs.append(Loss(1, upto, cause))

    def of(self, n: int) -> Loss | None:
        """The loss that `n` belongs to."""
        return next((run for run in self._runs if run.first <= n <= run.last), None)

    def untold(self) -> Loss | None:
        return next((run for run in self._runs if not run.told), None)

    def tell(self) -> None:
        """All of them are known to who asked."""
        for run in self._runs:
            run.told = True

    def _forget_oldest(self) -> None:
        first, second = self._runs.popleft(), self._runs.popleft()
        cause = "too many losses to tell them apart"
        last, told = max(first.last, second.last), first.told and second.told
        self._runs.appendleft(Loss(1, last, cause, told))


class Unkept:
    """By field of the session's state, why its newest value is in no entry."""

    def __init__(self) -> None:
        self._why: dict[str, str] = {}

    def change(self, field: str, why: str | None) -> bool:
        """None: it is in one. Whether that is news."""
        if why == self._why.get(field):
            return False
        if why is None:
            del self._why[field]
        else:
            self._why[field] = why
            log.warning("%s is not stored as it is: %s", field, why)
        return True

    def __bool__(self) -> bool:
        return bool(self._why)

    def __str__(self) -> str:
        return "; ".join(
            f"{field} is not stored as it is: {why}" for field, why in self._why.items()
        )
