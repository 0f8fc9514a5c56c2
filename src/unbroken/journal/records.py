"""Frames in memory, in the order of the file."""

from collections import deque
from collections.abc import Iterator


class Records:
    """Each with the n that is reached once it is written. An empty one stands for an entry that
    could not be recorded: there is nothing to write, only a number to pass."""

    def __init__(self) -> None:
        self._bytes = 0
        self._records: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        """In bytes."""
        return self._bytes

    def __bool__(self) -> bool:
        return bool(self._records)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(self._records)

    def add(self, n: int, frame: bytes) -> None:
        self._records.append((n, frame))
        self._bytes += len(frame)

    def skip(self, n: int) -> None:
        """Pass `n`. However many are passed in a row, it is one record."""
        if self._records and not self._records[-1][1]:
            self._records.pop()
        self._records.append((n, b""))

    def add_first(self, records: list[tuple[int, bytes]]) -> None:
        self._records.extendleft(reversed(records))
        self._bytes += sum(len(frame) for _, frame in records)

    def pop(self) -> tuple[int, bytes]:
        n, frame = self._records.popleft()
        self._bytes -= len(frame)
        return n, frame

    @property
    def first_bytes(self) -> int:
        return len(self._records[0][1])

    def first(self, bytes_max: int) -> list[tuple[int, bytes]]:
        """Whole frames from the front: what fits, and at least one."""
        taken: list[tuple[int, bytes]] = []
        size = 0
        for n, frame in self._records:
            size += len(frame)
            if taken and size > bytes_max:
                break
            taken.append((n, frame))
        return taken

    def drop(self, upto: int) -> None:
        """Let go of all up to `upto`."""
        while self._records and self._records[0][0] <= upto:
            self.pop()

    def behind(self, n: int) -> list[tuple[int, bytes]]:
        return [record for record in self._records if record[0] > n]

    def clear(self) -> None:
        self._records.clear()
        self._bytes = 0
