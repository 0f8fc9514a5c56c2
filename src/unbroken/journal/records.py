"""Frames in memory, in the order of the file."""

from collections import deque
from collections.abc import Iterator


class Records:
    """Each with the n that is reached once it is written. An empty one stands for an entry that
    could not be recorded: there is nothing to write, only a number to pass."""

    def __init__(self) -> None:
        self.size = 0  # in bytes
        self.all: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        """In bytes, as what is written."""
        return self.size

    def __bool__(self) -> bool:
        return bool(self.all)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(self.all)

    def add(self, *records: tuple[int, bytes]) -> None:
        self.all += records
        for _, frame in records:
            self.size += len(frame)

    def skip(self, n: int) -> None:
        """Pass `n`. However many are passed in a row, it is one record."""
        if self.all and not self.all[-1][1]:
            self.all.pop()
        self.all.append((n, b""))

    def add_first(self, records: list[tuple[int, bytes]]) -> None:
        self.all.extendleft(reversed(records))
        self.size += sum(len(frame) for _, frame in records)

    def pop(self) -> tuple[int, bytes]:
        n, frame = self.all.popleft()
        self.size -= len(frame)
        return n, frame

    @property
    def first_bytes(self) -> int:
        return len(self.all[0][1])

    def first(self, bytes_max: int) -> list[tuple[int, bytes]]:
        """Whole frames from the front: what fits, and at least one."""
        taken: list[tuple[int, bytes]] = []
        size = 0
        for n, frame in self.all:
            size += len(frame)
            if taken and size > bytes_max:
                break
            taken.append((n, frame))
        return taken

    def drop(self, upto: int) -> None:
        """Let go of all up to `upto`."""
        while self.all and self.all[0][0] <= upto:
            self.pop()

    def behind(self, n: int) -> list[tuple[int, bytes]]:
        return [record for record in self.all if record[0] > n]

    def clear(self) -> None:
        self.all.clear()
        self.size = 0
