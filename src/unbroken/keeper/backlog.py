"""The backlog of one holder: what is read from its journal and not yet stored, in order.

The log must have no gap, and a store must never be made to refuse: what is missing in the file, or
is no entry that a store takes, becomes `lost` here, with the reason.
"""

import logging
from collections import deque
from collections.abc import Iterator
from uuid import UUID

import msgspec

from unbroken.archive.port import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    KIND_CHARS_MAX,
    NUMBER_MAX,
    TERM_MAX,
    WireEntry,
    refusal,
)
from unbroken.env import Env
from unbroken.journal import PartsReader
from unbroken.journal.frames import BOUND, CLOSED, ENTRY, FRAME_BYTES_MIN, MARK, Frame
from unbroken.journal.group import GROUP_ENTRIES_MAX
from unbroken.log import entries
from unbroken.log.cause import ENDING
from unbroken.log.entries import PAYLOAD_BYTES_MAX, Lost, Noted

log = logging.getLogger(__name__)

QUEUE_ENTRIES_MAX = 4 * BATCH_ENTRIES_MAX  # read ahead no further than a few batches
QUEUE_BYTES_MAX = 4 * BATCH_BYTES_MAX
ENTRY_BYTES = 400  # what an entry takes beside its payload
MISSING_MAX = 100_000  # entries in a row that were never written; more than that no agent records
AHEAD_MAX = 1_000  # of what the ack file says: it is written after the entry
ID_BYTES = 16
HUNG_UP = "hung up"  # why the call ended, where the holder's own words are lost


class Binding(msgspec.Struct, frozen=True):
    """What the holder's own `take` was answered."""

    session_id: UUID
    term: int
    base: int


class Backlog:
    """Counts in n, the holder's own numbers."""

    def __init__(self, env: Env, parts: PartsReader) -> None:
        self.read = 0  # the n of the newest entry read, or named lost
        self.stored = 0  # all up to this n is in the log or the side lane
        self.mark: Frame | None = None  # the newest, until it is stored
        self.binding: Binding | None = None
        self.last_word: str | None = None  # the cause that the holder itself gave for its end
        self.is_read = False  # the holder is dead, and all that it left is in here or stored
        self._env, self._parts = env, parts
        self._queue: deque[tuple[int, WireEntry]] = deque()
        self._bytes = 0
        self._frames: deque[Frame] = deque()  # read, and not yet looked at
        self._whole_upto = 0  # all of the groups up to this n were read
        self._joined: set[int] = set()  # those in the queue that the next one belongs to
        self._lost_upto = 0  # entries that are missing, from `read` on
        self._lost_for = ""
        self._reaches = 0  # up to this n entries were recorded, as the file says
        self._appended = 0  # ...and as the ack file says
        self._endings: dict[int, str | None] = {}  # what it says of a hang-up, by the entry's n
        self._damaged = 0  # bytes, when the newest entry was read
        self._told = 0  # up to this n it was said what is missing

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[tuple[int, WireEntry]]:
        return iter(self._queue)

    def fill(
        self,
        *,
        is_living: bool,
        appended: int = 0,
        hung_up: int = 0,
        taken_back: int = 0,
        room: int = QUEUE_BYTES_MAX,
    ) -> None:
        """Read on, as far as there is room, but not further than one slice of what is damaged.

        `appended`: up to here the holder says that it recorded. `hung_up`: the entry in which it
        says that it hung up, `taken_back` that it did not; if that is in no file, it is written
        here.
        """
        self._appended, self._endings = appended, {hung_up: HUNG_UP, taken_back: None}
        while self._bytes < room and len(self._queue) < QUEUE_ENTRIES_MAX and not self.is_read:
            if self.read < self._lost_upto:
                self._name_missing()
            elif self._frames and self._is_whole():
                self._keep(self._frames.popleft())
            elif frames := self._parts.read(is_living=is_living):
                self._frames += frames
            elif is_living or not self._parts.is_at_end:
                return
            elif self._frames:
                self._frames.clear()  # a group that its holder did not come to the end of
            else:
                self._finish()

    def groups(self) -> Iterator[list[tuple[int, WireEntry]]]:
        """What is to be stored, by what is to be in the log together or not at all."""
        group: list[tuple[int, WireEntry]] = []
        for n, entry in self._queue:
            group.append((n, entry))
            if n not in self._joined:
                yield group
                group = []

    def drop(self, upto: int) -> None:
        """All up to n = `upto` is stored."""
        self.stored = max(self.stored, upto)
        while self._queue and self._queue[0][0] <= self.stored:
            n, entry = self._queue.popleft()
            self._bytes -= _size(entry)
            self._joined.discard(n)

    def rewind(self, upto: int) -> None:
        """Only what is up to `upto` is stored: read again what is no longer in memory."""
        self.stored = max(upto, 0)
        if not self._queue or self._queue[0][0] != self.stored + 1:
            self._queue.clear()
            self._frames.clear()
            self._parts.rewind()
            self._joined.clear()
            self._bytes = self.read = self._damaged = self._lost_upto = self._whole_upto = 0
            self.is_read = False

    def name_lost(self, at: int, cause: str) -> None:
        """Give up the entry at place `at`: the log names it, so that it has no gap."""
        n, entry = self._queue[at]
        lost = _lost(cause, entry.at_us, kind=entry.kind)
        self._bytes += _size(lost) - _size(entry)
        self._queue[at] = (n, lost)

    def rest(self) -> None:
        """Hold no descriptor until more is read."""
        self._parts.rest()

    def skip_bad_blocks(self) -> None:
        """What the disk does not read is lost, from now on, instead of an error."""
        self._parts.skip_bad_blocks()

    close = rest

    def _is_whole(self) -> bool:
        """Whether the last of the next frame's group is there, or something that stands behind
        it: one in between may be damaged, and is lost then."""
        frame = self._frames[0]
        follow = frame.extra if frame.type == ENTRY else 0
        last = frame.n + follow
        if not 0 < follow < GROUP_ENTRIES_MAX or last <= self._whole_upto:
            return True
        if any(f.n >= last for f in self._frames if f.type in (ENTRY, CLOSED)):
            self._whole_upto = last
            self._joined.update(range(frame.n, last))
            return True
        return False

    def _keep(self, frame: Frame) -> None:
        if frame.type == ENTRY:
            self._take(frame)
        elif frame.type == MARK:
            self._reach(frame.n)
            self._keep_mark(frame)
        elif frame.type == BOUND:
            self.binding = _binding(frame) or self.binding
        elif frame.type == CLOSED:
            self._reach(frame.n)
            self.last_word = frame.kind

    def _take(self, frame: Frame) -> None:
        if frame.n <= self.read:
            return  # it stands in an earlier part, too
        if frame.n > self.read + 1 and not self._is_possible(frame.n):
            log.warning("%s: no entry can be number %d", self._parts.holder, frame.n)
        elif frame.n > self.read + 1:
            self._miss(frame.n - 1)
            self._frames.appendleft(frame)
        else:
            self.read, self._damaged = frame.n, self._parts.damaged_bytes
            if frame.n > self.stored:
                self._put(frame.n, _wire(frame))

    def _keep_mark(self, frame: Frame) -> None:
        is_fit = len(frame.payload) <= PAYLOAD_BYTES_MAX and frame.n >= 0
        if not is_fit or not self._is_possible(frame.n):
            log.warning("%s: a mark is too large, or no mark", self._parts.holder)
        elif self.mark is None or frame.n >= self.mark.n:
            self.mark = msgspec.structs.replace(frame, at_us=_time(frame.at_us))

    def _reach(self, n: int) -> None:
        if self._is_possible(n):
            self._reaches = max(self._reaches, n)

    def _is_possible(self, n: int) -> bool:
        """Whether entries may reach `n`: between there and what was read they were damaged, or
        never written, which the ack file knows."""
        missing = n - self.read
        if missing <= self._parts.damaged_bytes // FRAME_BYTES_MIN:
            return True
        is_said = self._appended <= self.read or n <= self._appended + AHEAD_MAX
        return missing <= MISSING_MAX and is_said

    def _finish(self) -> None:
        """The holder is dead, and its files are at their end: what it recorded after all that
        could be read is named, too."""
        reaches = max(n for n in (self._reaches, self._appended, 0) if self._is_possible(n))
        if reaches > self.read:
            self._miss(reaches)
        else:
            self.is_read = True

    def _miss(self, upto: int) -> None:
        is_damaged = self._parts.damaged_bytes > self._damaged
        self._lost_upto, self._lost_for = upto, "unreadable" if is_damaged else "not_written"
        if upto > max(self._told, self.stored):
            self._told = upto
            holder, first = self._parts.holder, self.read + 1
            log.warning("%s: entries %d to %d: %s", holder, first, upto, self._lost_for)

    def _name_missing(self) -> None:
        """One after the other, as there is room: it may be many."""
        if self.stored > self.read:
            self.read = min(self.stored, self._lost_upto)
            return
        self.read += 1
        now_us = self._env.now_us()
        is_known = self.read in self._endings
        made = _ending(self._endings[self.read], now_us) if is_known else None
        self._put(self.read, made or _lost(self._lost_for, now_us))

    def _put(self, n: int, entry: WireEntry) -> None:
        self._queue.append((n, entry))
        self._bytes += _size(entry)


def _wire(frame: Frame) -> WireEntry:
    entry = WireEntry(frame.kind, _time(frame.at_us), frame.flags, frame.payload)
    if why := refusal(entry):
        return _lost(why, frame.at_us, kind=frame.kind)
    return entry


def _lost(cause: str, at_us: int, *, kind: str | None = None) -> WireEntry:
    kind = kind and kind[:KIND_CHARS_MAX]
    payload, flags = entries.encode(Lost(cause=cause[:KIND_CHARS_MAX], kind=kind))
    return WireEntry("lost", _time(at_us), flags, payload)


def _ending(reason: str | None, at_us: int) -> WireEntry:
    payload, flags = entries.encode(Noted(ENDING, reason))
    return WireEntry("note", _time(at_us), flags, payload)


def _time(at_us: int) -> int:
    """A clock may stand before 1970, or anywhere."""
    return min(max(at_us, 0), NUMBER_MAX)


def _size(entry: WireEntry) -> int:
    return len(entry.payload) + ENTRY_BYTES


def _binding(frame: Frame) -> Binding | None:
    is_sane = len(frame.payload) == ID_BYTES and 0 < frame.extra <= TERM_MAX
    if not is_sane or not 0 <= frame.n <= TERM_MAX:
        return None
    return Binding(UUID(bytes=frame.payload), frame.extra, frame.n)
