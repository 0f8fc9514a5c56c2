"""Keeps a session's fold equal to the live lists of chat items, however they are changed."""

import operator
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from unbroken.live.tracked import ChatItem, Codec, Recent, SeenItem, Tracked, are_same
from unbroken.log.entries import PAYLOAD_BYTES_MAX, ContextChanged, Item, ItemPut, ItemsRemoved
from unbroken.log.session import CONTEXT_OF, Session

PIECE_BYTES_MAX = PAYLOAD_BYTES_MAX // 2  # of the items in one entry; one that is larger is alone


class Put(msgspec.Struct, frozen=True):
    """An item to record, and whether it is `new` rather than edited."""

    put: ItemPut
    is_new: bool


Change: TypeAlias = ItemsRemoved | Put | ContextChanged


class Mirror:
    """The history of a session and the contexts of its agents."""

    def __init__(self, session: Session, codec: Codec) -> None:
        self._session = session
        self._recent = Recent(codec)
        self._history = Tracked(self._recent)
        self._contexts: dict[str, Tracked] = {}

    @property
    def version(self) -> int:
        """The same as long as nothing of the lists is recorded anew."""
        return self._recent.changes

    def restore_history(self, items: Sequence[ChatItem]) -> None:
        """The live history was made from the session: it is as recorded."""
        self._history.record(0, items)

    def restore_context(self, agent: str, items: Sequence[ChatItem]) -> None:
        """What of the live context is not as the session has it is found by the next scan."""
        recorded = self._session.context(agent)
        context = self._context(agent)
        context.record(0, items)
        for at, item in enumerate(items):
            if at >= len(recorded) or self._recent.encode(item) != recorded[at]:
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
        """All of it anew: what was written before has not led there. Lines that are only in the
        log stay behind what was in front of them."""
        unique = {item.id: item for item in reversed(items)}
        beside, placed = self._beside(unique), dict(self._session.placed)
        yield ItemsRemoved(tuple(self._session.order))
        before = None
        for item_id in (None, *dict.fromkeys(item.id for item in items)):
            puts = beside.get(item_id, [])
            if item_id is not None:
                encoded = self._recent.encode(unique[item_id])
                puts = [replace(placed.get(item_id, ItemPut(encoded)), item=encoded), *puts]
            for put in puts:
                yield replace(put, after=before, agent=None)
                before = put.item["id"]

    def _beside(self, live: Container[str]) -> dict[str | None, list[ItemPut]]:
        """The lines that are only in the log, by the id of the `live` item in front of them."""
        session, before = self._session, None
        found: dict[str | None, list[ItemPut]] = {}
        for item_id in session.order:
            if session.is_beside(item_id) and item_id not in live:
                found.setdefault(before, []).append(session.placed[item_id])
            elif item_id in live:
                before = item_id
        return found

    def whole_context(self, agent: str, items: Sequence[ChatItem]) -> Iterator[ContextChanged]:
        return _in_pieces(agent, 0, map(self._reference, items))

    def changes(
        self, items: Sequence[ChatItem], agent: str, context: Sequence[ChatItem]
    ) -> Iterator[Change]:
        """What makes the fold's history equal to `items`, and its context of `agent` to `context`.
        Record each before taking the next.

        A new item that stands in both is put into both by one entry: no part of the log has it in
        the one alone.
        """
        keep, kept = self._history.unchanged(items), self._context(agent).unchanged(context)
        yield from self._of_history(keep, items, agent, {item.id for item in context[kept:]})
        yield from self._of_context(kept, agent, context)

    def apart(
        self, item_id: str, agent: str, items: Sequence[ChatItem]
    ) -> Iterator[ContextChanged]:
        """For a context that holds an item that was just edited, in the history or in another
        context: it is in `items` as it was, if that is a copy, or the same object."""
        folded = self._session.contexts.get(agent)
        if folded is None or item_id not in folded.ids:
            return
        at = folded.ids.index(item_id)
        if at < len(items) and items[at].id == item_id:
            own = self._recent.encode(items[at])
            if own != (folded.own.get(item_id) or self._session.items[item_id]):
                behind = (folded.own.get(other) or other for other in folded.ids[at + 1 :])
                yield from _in_pieces(agent, at, (own, *behind))

    def look(
        self,
        history: Sequence[ChatItem],
        contexts: Mapping[str, Sequence[ChatItem]],
        *,
        is_whole: bool = False,
    ) -> bool:
        """Whether what is looked at next is as recorded: a slice of each list, or all of it."""
        lists = [(self._history, history)]
        lists += [(self._context(agent), items) for agent, items in contexts.items()]
        looked = [
            tracked.look(items, len(items)) if is_whole else tracked.look(items)
            for tracked, items in lists
        ]
        return all(looked)

    def _of_history(
        self, keep: int, items: Sequence[ChatItem], agent: str, joining: set[str]
    ) -> Iterator[ItemsRemoved | Put]:
        """`joining` are the ids of what is new in the agent's context."""
        old, new = self._history.record(keep, items, self._session.placed)
        if not old and not new:
            return
        gone = _gone(old, new)
        if gone:
            yield ItemsRemoved(tuple(gone))
        known = {seen.id: seen for seen in old if not seen.is_again and seen.id not in set(gone)}
        before = self._history.before(keep)
        for item, seen in zip(items[keep:], new, strict=True):
            if seen.is_again:
                continue
            is_new = seen.id not in known
            if is_new or not are_same(seen.print, known[seen.id].print):
                whose = agent if is_new and seen.id in joining else None
                yield Put(self._put(item, before, whose), is_new)
            before = seen.id

    def _put(self, item: ChatItem, before: str | None, agent: str | None) -> ItemPut:
        """Behind `before` in the history, and last in the context of `agent`, if it is given: the
        context behind it says where else it stands there."""
        after = self._session.behind_lines(before)
        folded = self._session.contexts.get(agent) if agent else None
        if folded is None or not folded.ids:
            return ItemPut(self._recent.encode(item), after=after, agent=agent)
        if item.id in folded.own:
            agent = None  # it is there already
        is_last = agent is not None and folded.ids[-1] != after
        return ItemPut(self._recent.encode(item), after=after, agent=agent, is_last=is_last)

    def _of_context(
        self, keep: int, agent: str, items: Sequence[ChatItem]
    ) -> Iterator[ContextChanged]:
        """Beyond what the history did."""
        self._context(agent).record(keep, items)
        tail = items[keep:]
        folded = self._session.contexts.get(agent)
        if folded.ids[keep:] == [i.id for i in tail] if folded else not tail:
            resolved = self._session.context(agent, start=keep)
            if all(map(operator.eq, resolved, map(self._recent.encode, tail))):
                return
        yield from _in_pieces(agent, keep, map(self._reference, tail))

    def _context(self, agent: str) -> Tracked:
        return self._contexts.setdefault(agent, Tracked(self._recent))

    def _reference(self, item: ChatItem) -> str | Item:
        """An id where the history has the very same item, else the whole item."""
        encoded = self._recent.encode(item)
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


def _gone(old: Iterable[SeenItem], new: Iterable[SeenItem]) -> list[str]:
    """Ids to remove: those no longer there, or all if those that stay changed their order."""
    before = [seen.id for seen in old if not seen.is_again]
    now = [seen.id for seen in new if not seen.is_again]
    stayed = set(before) & set(now)
    if [i for i in before if i in stayed] != [i for i in now if i in stayed]:
        return before
    return [i for i in before if i not in stayed]
