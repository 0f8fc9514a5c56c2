"""What a row looks like: each value of a column has its type, whatever a disk has made of it.

SQLite checks types when it writes, not when it reads: a flipped bit in the head of a row makes a
number of a text, or one id of another length.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from unbroken.errors import Corrupt
from unbroken.store.transaction import Row

ID_BYTES = 16
_TYPES: Mapping[str, type] = {"integer": int, "text": str, "blob": bytes}
_IDS = ("_id", "holder")  # how the names of columns of ids end


class Shapes:
    """Of the columns of all tables, by name: of one name they may have several types."""

    def __init__(self, columns: Iterable[Mapping[str, Any]] = ()) -> None:
        self._types: dict[str, set[type]] = {}
        self._ids: dict[str, list[str]] = {}  # by query, those that it gives
        self._known: set[tuple[Any, ...]] = set()
        is_id: dict[str, bool] = {}
        for column in columns:
            name, kind = column["name"], _TYPES[column["type"].lower()]
            types = self._types.setdefault(name, set())
            types |= {kind} if column["is_owed"] else {kind, type(None)}
            is_id[name] = is_id.get(name, True) and kind is bytes and name.endswith(_IDS)
        self._are_ids = {name for name, yes in is_id.items() if yes}

    def row(self, query: str, names: Sequence[str], stored: sqlite3.Row) -> Row:
        """The row with UUIDs for its ids. Raises Corrupt."""
        kinds = (query, *map(type, stored))
        if kinds not in self._known:
            self._compare(names, stored)
            self._known.add(kinds)
            self._ids[query] = [name for name in names if name in self._are_ids]
        if not (ids := self._ids[query]):
            return cast(Row, stored)
        found = dict(zip(names, stored, strict=True))
        for name in ids:
            if (value := found[name]) is not None:
                found[name] = _id(name, value)
        return found

    def _compare(self, names: Sequence[str], row: sqlite3.Row) -> None:
        for name, value in zip(names, row, strict=True):
            if name in self._types and type(value) not in self._types[name]:
                raise Corrupt(f"the database is damaged: {name} is {type(value).__name__}")


def _id(name: str, value: bytes) -> UUID:
    if len(value) != ID_BYTES:
        raise Corrupt(f"the database is damaged: {name} is none")
    return UUID(bytes=value)
