"""One live list of chat items, and what of it is recorded.

Theory of operation
-------------------
LiveKit tells of some changes by events, of others not at all (edits of a chat context, tool
items, new instructions). So after each event the live lists are compared with what was recorded.
Comparing all of a long call at each turn would cost more with every turn. Changes are at the
end, almost always: a list is walked back until WINDOW places in a row are as recorded, and only
what lies behind is compared in full. A slice of ROLL places further in front is checked at each
scan in turn, and a slice of DEPTH places at each `look`, twice a second: an item that was edited
in place, however deep, is found within half a second for each DEPTH places that the list has.
"""

from collections.abc import Callable, Container, Sequence
from typing import Any, Protocol

import msgspec

from unbroken.log.digest import Chain
from unbroken.log.entries import Item
from unbroken.log.session import is_instructions

WINDOW = 16
ROLL = 32
DEPTH = 1_024
RECENT_MAX = 64  # items that are remembered as they were read


class ChatItem(Protocol):
    """What LiveKit's chat items have in common."""

    @property
    def id(self) -> str: ...


class Codec(msgspec.Struct, frozen=True):
    """How items are read: `encode` to LiveKit's JSON; `print` a copy of what an edit can change,
    equal to `state` as long as nothing has."""

    encode: Callable[[ChatItem], Item]
    print: Callable[[ChatItem], Any]
    state: Callable[[ChatItem], Any] = vars


class SeenItem(msgspec.Struct, frozen=True):
    """An item as it was recorded. `is_again`: its id stands further in front already."""

    id: str
    print: Any
    is_again: bool = False


class _Read(msgspec.Struct):
    item: ChatItem
    print: Any
    encoded: Item | None = None


class Recent:
    """Items as they were last read: the same item stands in several lists, and is read once."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.changes = 0  # of what is recorded of the lists
        self._read: dict[int, _Read] = {}

    def print(self, item: ChatItem) -> Any:
        return self._of(item).print

    def encode(self, item: ChatItem) -> Item:
        read = self._of(item)
        if read.encoded is None:
            read.encoded = self.codec.encode(item)
        return read.encoded

    def _of(self, item: ChatItem) -> _Read:
        known = self._read.get(id(item))
        if known and known.item is item and are_same(self.codec.state(item), known.print):
            return known
        if len(self._read) >= RECENT_MAX:
            self._read.clear()
        read = self._read[id(item)] = _Read(item, self.codec.print(item))
        return read


class Tracked:
    """What of one live list is recorded."""

    def __init__(self, recent: Recent) -> None:
        self.seen: list[SeenItem] = []
        self._prints: list[Any] = []
        self._chain = Chain()
        self._recent = recent
        self._rolled = 0

    def unchanged(self, items: Sequence[ChatItem]) -> int:
        """How many leading places are as recorded."""
        known = min(len(self.seen), len(items))
        if not self._is_same(max(known - WINDOW, 0), known, items):
            known = self._walk_back(known, items)
        first, upto = self._slice(ROLL, known)
        self._rolled = upto
        return known if self._is_same(first, upto, items) else self._differing(first, items)

    def look(self, items: Sequence[ChatItem], count: int = DEPTH) -> bool:
        """Whether the next `count` places are as recorded; else `unchanged` will find where they
        are not."""
        first, upto = self._slice(count, min(len(self.seen), len(items)))
        is_same = self._is_same(first, upto, items)
        self._rolled = upto if is_same else self._differing(first, items)
        return is_same

    def record(
        self, keep: int, items: Sequence[ChatItem], earlier: Container[str] = ()
    ) -> tuple[list[SeenItem], list[SeenItem]]:
        """What was behind `keep`, and what is now. `earlier` has the ids of what was recorded."""
        old = self.seen[keep:]
        met: set[str] = set()
        replaced = {seen.id for seen in old if not seen.is_again}
        new = []
        for item in items[keep:]:
            is_again = item.id in met or (item.id in earlier and item.id not in replaced)
            new.append(SeenItem(item.id, self._recent.print(item), is_again))
            met.add(item.id)
        if old or new:
            self._recent.changes += 1
            self.seen[keep:] = new
            self._prints[keep:] = [seen.print for seen in new]
            self._chain.cut(keep)
        return old, new

    def forget(self, keep: int) -> None:
        """What is behind is not as recorded."""
        self._recent.changes += 1
        del self.seen[keep:], self._prints[keep:]
        self._chain.cut(keep)

    def before(self, at: int) -> str | None:
        """The id of the nearest item in front of place `at` that stands nowhere before."""
        places = range(at - 1, -1, -1)
        return next((self.seen[k].id for k in places if not self.seen[k].is_again), None)

    def digest(self, items: Sequence[ChatItem]) -> str:
        """Of `items`, which were recorded just now."""
        new = map(self._recent.encode, items[len(self._chain) :])
        return self._chain.of(new, leaving_out=is_instructions)

    def _walk_back(self, at: int, items: Sequence[ChatItem]) -> int:
        matches = 0
        while at > 0 and matches < WINDOW:
            at -= 1
            matches = matches + 1 if self._is_same(at, at + 1, items) else 0
        return at + matches

    def _slice(self, count: int, known: int) -> tuple[int, int]:
        """The places that are next, of those that are `known`."""
        first = self._rolled if count < known and self._rolled < known else 0
        return first, min(first + count, known)

    def _differing(self, first: int, items: Sequence[ChatItem]) -> int:
        """The first place behind `first` that is not as recorded; one is known to be there."""
        at = first
        while self._is_same(at, at + 1, items):
            at += 1
        return at

    def _is_same(self, first: int, upto: int, items: Sequence[ChatItem]) -> bool:
        now = list(map(self._recent.codec.state, items[first:upto]))
        return are_same(now, self._prints[first:upto])


def are_same(state: Any, known: Any) -> bool:
    try:
        return bool(state == known)
    except Exception:  # noqa: BLE001 - something in it that cannot be compared
        return False
