"""What of a call is not safe yet, level by level."""

from collections import deque

import msgspec

UNSAFE_MAX = 10_000  # times of entries that are kept: the oldest


class LevelLag(msgspec.Struct, frozen=True):
    """What is not that safe yet: how many entries, and how old the oldest of them is."""

    entries: int
    seconds: float


class Lag(msgspec.Struct, frozen=True):
    process: LevelLag
    disk: LevelLag
    service: LevelLag
    degraded: str | None  # why, in words; None when all is well


class Unsafe:
    """When the entries were recorded that the service has not stored: the first UNSAFE_MAX."""

    def __init__(self) -> None:
        self._recorded: deque[tuple[int, int]] = deque()  # n, and microseconds since boot

    def __len__(self) -> int:
        return len(self._recorded)

    def add(self, n: int, at_us: int) -> None:
        if len(self._recorded) < UNSAFE_MAX:
            self._recorded.append((n, at_us))

    def forget(self, upto: int) -> None:
        """All up to n = `upto` is stored."""
        while self._recorded and self._recorded[0][0] <= upto:
            self._recorded.popleft()

    def oldest_us(self, now_us: int) -> int:
        """`now_us` if there is none."""
        return self._recorded[0][1] if self._recorded else now_us

    def lag(self, reached: int, appended: int, now_us: int) -> LevelLag:
        """Of a level that was reached up to n = `reached`."""
        if appended <= reached:
            return LevelLag(0, 0.0)
        oldest_us = next((at for n, at in self._recorded if n > reached), now_us)
        return LevelLag(appended - reached, (now_us - oldest_us) / 1e6)
