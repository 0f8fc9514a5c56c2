"""Keeps a session's fold equal to the live lists of chat items, however they are changed.

Theory of operation
-------------------
LiveKit tells of some changes by events, of others not at all (edits of a chat context, tool
items, new instructions). So after each event the live lists are compared with what was recorded.
Comparing all of a long call at each turn would cost more with every turn. Changes are at the
end, almost always: a list is walked back until WINDOW places in a row are as recorded, and only
what lies behind is compared in full. A slice of ROLL places further in front is checked at each
scan in turn, so that an edit anywhere is found within a few scans.
"""

import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from unbroken.archive import PAYLOAD_BYTES_MAX
from unbroken.digest import Chain
from unbroken.entries import ContextChanged, Item, ItemPut, ItemsRemoved
from unbroken.session import CONTEXT_OF, Session, is_instructions

WINDOW = 16
ROLL = 32
PIECE_BYTES_MAX = PAYLOAD_BYTES_MAX // 2  # of the items in one entry; one that is larger is alone


class ChatItem(Protocol):
    """What LiveKit's chat items have in common."""

    @property
    def id(self) -> str: ...


class Seen(msgspec.Struct, frozen=True):
    """An item as it was recorded; `print` changes when a part of it that matters does."""

    id: str
    print: Hashable


class Codec(msgspec.Struct, frozen=True):
    """How items are read: `encode` to LiveKit's JSON, `print` a cheap fingerprint."""

    encode: Callable[[ChatItem], Item]
    print: Callable[[ChatItem], Hashable]


class Put(msgspec.Struct, frozen=True):
    """An item to record, and whether it is `new` rather than edited."""

    put: ItemPut
    is_new: bool


class Tracked:
    """What of one live list is recorded."""

    def __init__(self, codec: Codec) -> None:
        self.seen: list[Seen] = []
        self._chain = Chain()
        self._codec = codec
        self._rolled = 0

    def unchanged(self, items: Sequence[ChatItem]) -> int:
        """How many leading places are as recorded."""
        at, matches = min(len(self.seen), len(items)), 0
        while at > 0 and matches < WINDOW:
            at -= 1
            matches = matches + 1 if self._same(at, items) else 0
        return self._roll(at + matches, items)

    def _roll(self, keep: int, items: Sequence[ChatItem]) -> int:
        first = self._rolled if self._rolled < keep else 0
        self._rolled = first + ROLL
        for at in range(first, min(first + ROLL, keep)):
            if not self._same(at, items):
                return at
        return keep

    def _same(self, at: int, items: Sequence[ChatItem]) -> bool:
        seen, item = self.seen[at], items[at]
        return seen.id == item.id and seen.print == self._codec.print(item)

    def record(self, keep: int, items: Sequence[ChatItem]) -> tuple[list[Seen], list[Seen]]:
        """What was behind `keep`, and what is now."""
        old = self.seen[keep:]
        new = [Seen(item.id, self._codec.print(item)) for item in items[keep:]]
        self.seen[keep:] = new
        if old or new:
            self._chain.cut(keep)
        return old, new

    def forget(self, keep: int) -> None:
        """What is behind is not as recorded."""
        del self.seen[keep:]
        self._chain.cut(keep)

    def digest(self, items: Sequence[ChatItem]) -> str:
        """Of `items`, which were recorded just now."""
        new = map(self._codec.encode, items[len(self._chain) :])
        return self._chain.of(new, leaving_out=is_instructions)


class Mirror:
    """The history of a session and the contexts of its agents."""

    def __init__(self, session: Session, codec: Codec) -> None:
        self._session = session
        self._codec = codec
        self._history = Tracked(codec)
        self._contexts: dict[str, Tracked] = {}

    def restore_history(self, items: Sequence[ChatItem]) -> None:
        """The live history was made from the session: it is as recorded."""
        self._history.record(0, items)

    def restore_context(self, agent: str, items: Sequence[ChatItem]) -> None:
        """What of the live context is not as the session has it is found by the next scan."""
        recorded = self._session.context(agent)
        context = self._context(agent)
        context.record(0, items)
        for at, item in enumerate(items):
            if at >= len(recorded) or self._codec.encode(item) != recorded[at]:
                context.forget(at)
                return

    def digests(
        self, history: Sequence[ChatItem], contexts: Mapping[str, Sequence[ChatItem]]
    ) -> dict[str, str]:
        """Of the live lists, by field; the cost is that of what changed."""
        found = {"history": self._history.digest(history)}
        for agent, items in contexts.items():
            found[CONTEXT_OF + agent] = self._context(agent).digest(items)
        return found

    def whole_history(self, items: Sequence[ChatItem]) -> Iterator[ItemsRemoved | ItemPut]:
        """All of it anew: what was written before has not led there."""
        session, before = self._session, None
        placed = dict(session.placed)
        yield ItemsRemoved(tuple(session.order))
        for item in items:
            encoded = self._codec.encode(item)
            known = placed.get(item.id, ItemPut(encoded))
            yield msgspec.structs.replace(known, item=encoded, after=before, agent=None)
            before = item.id

    def whole_context(self, agent: str, items: Sequence[ChatItem]) -> Iterator[ContextChanged]:
        return _in_pieces(agent, 0, map(self._reference, items))

    def history(
        self, items: Sequence[ChatItem], agent: str, context: Sequence[ChatItem]
    ) -> Iterable[ItemsRemoved | Put]:
        """What makes the fold's history equal to `items`. Record each before taking the next.

        New items that stand in the agent's own `context` too are put there in the same entry.
        """
        keep = self._history.unchanged(items)
        old, new = self._history.record(keep, items)
        if not old and not new:
            return
        if gone := _gone(old, new):
            yield ItemsRemoved(tuple(gone))
        known = {seen.id: seen.print for seen in old if seen.id not in set(gone)}
        before = items[keep - 1].id if keep else None
        for item, seen in zip(items[keep:], new, strict=True):
            if known.get(seen.id) != seen.print:
                put = ItemPut(
                    self._codec.encode(item),
                    after=before,
                    agent=agent if self._is_next(item, before, agent, context) else None,
                )
                yield Put(put, is_new=seen.id not in known)
            before = seen.id

    def context(self, agent: str, items: Sequence[ChatItem]) -> Iterator[ContextChanged]:
        """What makes the fold's context of `agent` equal to `items`, beyond what `history` did."""
        tracked = self._context(agent)
        keep = tracked.unchanged(items)
        tracked.record(keep, items)
        tail = items[keep:]
        folded = self._session.contexts.get(agent)
        if folded.ids[keep:] == [i.id for i in tail] if folded else not tail:
            resolved = self._session.context(agent, start=keep)
            if all(map(operator.eq, resolved, map(self._codec.encode, tail))):
                return
        yield from _in_pieces(agent, keep, map(self._reference, tail))

    def _is_next(
        self, item: ChatItem, before: str | None, agent: str, context: Sequence[ChatItem]
    ) -> bool:
        """Whether the item, behind `before` in the history, is what comes next in the context: of
        no other place there does its place in the history say anything."""
        folded = self._session.contexts.get(agent)
        if folded is None or not folded.ids:
            return before is None and bool(context) and context[0].id == item.id
        count = len(folded.ids)
        is_behind = folded.ids[-1] == before and count < len(context)
        return is_behind and context[count] is item and item.id not in self._session.items

    def _context(self, agent: str) -> Tracked:
        return self._contexts.setdefault(agent, Tracked(self._codec))

    def _reference(self, item: ChatItem) -> str | Item:
        """An id where the history has the very same item, else the whole item."""
        encoded = self._codec.encode(item)
        return item.id if self._session.items.get(item.id) == encoded else encoded


def _in_pieces(agent: str, keep: int, then: Iterable[str | Item]) -> Iterator[ContextChanged]:
    """Each behind the one before, and small enough for an entry: a context may hold documents."""
    piece: list[str | Item] = []
    size_bytes = 0
    for reference in then:
        its_bytes = len(msgspec.json.encode(reference))
        if piece and size_bytes + its_bytes > PIECE_BYTES_MAX:
            yield ContextChanged(agent, keep, tuple(piece))
            keep, piece, size_bytes = keep + len(piece), [], 0
        piece.append(reference)
        size_bytes += its_bytes
    yield ContextChanged(agent, keep, tuple(piece))


def _gone(old: Sequence[Seen], new: Sequence[Seen]) -> list[str]:
    """Ids to remove: those no longer there, or all if those that stay changed their order."""
    before, now = [seen.id for seen in old], [seen.id for seen in new]
    stayed = set(before) & set(now)
    if [i for i in before if i in stayed] != [i for i in now if i in stayed]:
        return before
    return [i for i in before if i not in stayed]
