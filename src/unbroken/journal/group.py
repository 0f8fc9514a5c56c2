"""Entries that are in the log together, or none of them.

They are written by one write, and each says how many of them follow it (`Frame.extra`). A process
can be killed in the middle of a write, and a disk can be full there: what then stands at the end of
the file is a group without its last entry, and its reader takes none of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unbroken.journal.frames import Frame, encode_frame

GROUP_ENTRIES_MAX = 200  # fewer than a batch of the keeper's has
GROUP_BYTES_MAX = 512 << 10  # likewise


class Group:
    """Of entries that wait for the last of them. May be begun within itself."""

    def __init__(self) -> None:
        self.depth = 0
        self._frames: list[Frame] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        """Whether any wait."""
        return bool(self._frames)

    @contextmanager
    def begun(self, end: Callable[[], None]) -> Iterator[None]:
        """What is added within waits; `end` is called at the end of the outermost one."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            if not self.depth:
                end()

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.payload)

    def has_room(self, payload: bytes) -> bool:
        """For one more; what does not fit is another group."""
        if not self._frames:
            return True
        is_small = self._bytes + len(payload) <= GROUP_BYTES_MAX
        return is_small and len(self._frames) < GROUP_ENTRIES_MAX

    def take(self) -> list[tuple[int, bytes]]:
        """All that wait, as they are written; then none does."""
        frames, self._frames, self._bytes = self._frames, [], 0
        last = len(frames) - 1
        return [(f.n, encode_frame(f, extra=last - at)) for at, f in enumerate(frames)]
