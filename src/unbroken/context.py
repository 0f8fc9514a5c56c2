"""An agent's own chat context, as the log holds it."""

from collections.abc import Iterable

from unbroken.digest import Chain
from unbroken.entries import Item


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
