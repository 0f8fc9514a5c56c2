"""Lists of chat items in the fold: an agent's own chat context, and where an item is put."""

from collections.abc import Iterable

from unbroken.log.digest import Chain
from unbroken.log.entries import Item


class Context:
    """An agent's own chat context: ids into the history, and items that are only here."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.own: dict[str, Item] = {}
        self.chain = Chain()

    def change(self, keep: int, then: Iterable[str | Item]) -> None:
        del self.ids[keep:]
        self.chain.cut(keep)
        for ref in then:
            if isinstance(ref, str):
                self.own.pop(ref, None)
                self.ids.append(ref)
            else:
                self.own[ref["id"]] = ref
                self.ids.append(ref["id"])


def insert_behind(order: list[str], item_id: str, after: str | None) -> int:
    """Put `item_id` directly behind `after`; in front if None, at the end if it is not there.
    Returns its place."""
    place = place_behind(order, after)
    order.insert(place, item_id)
    return place


def place_behind(order: list[str], after: str | None) -> int:
    if after is None:
        return 0
    for at in range(len(order) - 1, -1, -1):  # from the end: that is where things change
        if order[at] == after:
            return at + 1
    return len(order)
