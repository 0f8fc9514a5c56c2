"""The backlog of one journal: what is read from the file and not yet stored, in order."""

from collections import deque
from collections.abc import Iterator
from uuid import UUID

import msgspec

from unbroken import entries
from unbroken.archive import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, PAYLOAD_BYTES_MAX, WireEntry
from unbroken.entries import Lost
from unbroken.env import Env
from unbroken.frames import BOUND, CLOSED, ENTRY, MARK, Frame
from unbroken.journal import JournalReader

QUEUE_ENTRIES_MAX = 4 * BATCH_ENTRIES_MAX  # read ahead no further than a few batches
QUEUE_BYTES_MAX = 4 * BATCH_BYTES_MAX
ID_BYTES = 16


class Binding(msgspec.Struct, frozen=True):
    """What the holder's own `take` was answered."""

    session_id: UUID
    term: int
    base: int


class Backlog:
    """Counts in n, the holder's own numbers."""

    def __init__(self, env: Env, reader: JournalReader) -> None:
        self.read = 0  # the n of the newest entry read
        self.stored = 0  # all up to this n is in the log or the side lane
        self.mark: Frame | None = None  # the newest, until it is stored
        self.binding: Binding | None = None
        self.last_word: str | None = None  # the cause that the holder itself gave for its end
        self._env, self._reader = env, reader
        self._queue: deque[tuple[int, WireEntry]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[tuple[int, WireEntry]]:
        return iter(self._queue)

    @property
    def is_full(self) -> bool:
        """Enough is read ahead; there may be more in the file."""
        return len(self._queue) >= QUEUE_ENTRIES_MAX or self._bytes >= QUEUE_BYTES_MAX

    def fill(self, *, is_living: bool) -> None:
        """Read on, as far as there is room."""
        while not self.is_full:
            frames = self._reader.read(is_living=is_living)
            for frame in frames:
                self._keep(frame)
            if not frames:
                return

    def drop(self, upto: int) -> None:
        """All up to n = `upto` is stored."""
        self.stored = max(self.stored, upto)
        while self._queue and self._queue[0][0] <= self.stored:
            _, entry = self._queue.popleft()
            self._bytes -= len(entry.payload)

    def rewind(self, upto: int) -> None:
        """Only what is up to `upto` is stored: read again what is no longer in memory."""
        self.stored = max(upto, 0)
        if not self._queue or self._queue[0][0] != self.stored + 1:
            self._queue.clear()
            self._bytes = 0
            self._reader.rewind()
            self.read = 0

    def name_lost(self, at: int, cause: str) -> None:
        """Give up the entry at place `at`: the log names it, so that it has no gap."""
        n, entry = self._queue[at]
        lost = _lost(cause, entry.at_us, kind=entry.kind)
        self._bytes += len(lost.payload) - len(entry.payload)
        self._queue[at] = (n, lost)

    def close(self) -> None:
        self._reader.close()

    def _keep(self, frame: Frame) -> None:
        if frame.type == ENTRY and frame.n > self.read:
            self._name_missing(frame.n)
            self.read = frame.n
            if frame.n > self.stored:
                self._put(frame.n, _wire(frame))
        elif frame.type == MARK:
            self.mark = frame
        elif frame.type == BOUND and len(frame.payload) == ID_BYTES:
            self.binding = Binding(UUID(bytes=frame.payload), frame.extra, frame.n)
        elif frame.type == CLOSED:
            self.last_word = frame.kind

    def _name_missing(self, n: int) -> None:
        """Entries between that cannot be read are named in the log: it must have no gap."""
        for missing in range(self.read + 1, n):
            if missing > self.stored:
                self._put(missing, _lost("unreadable", self._env.now_us()))

    def _put(self, n: int, entry: WireEntry) -> None:
        self._queue.append((n, entry))
        self._bytes += len(entry.payload)


def _wire(frame: Frame) -> WireEntry:
    if len(frame.payload) > PAYLOAD_BYTES_MAX:
        return _lost("too_large", frame.at_us, kind=frame.kind)
    return WireEntry(frame.kind, frame.at_us, frame.flags, frame.payload)


def _lost(cause: str, at_us: int, *, kind: str | None = None) -> WireEntry:
    payload, flags = entries.encode(Lost(cause=cause, kind=kind))
    return WireEntry("lost", at_us, flags, payload)
