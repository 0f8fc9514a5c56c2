"""What a row looks like: each value of a column has its type, whatever a disk has made of it.

SQLite checks types when it writes, not when it reads: a flipped bit in the head of a row makes a
number of a text, or one id of another length.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from unbroken.errors import Corrupt

ID_BYTES = 16
_TYPES: Mapping[str, type] = {"integer": int, "text": str, "blob": bytes}
T = TypeVar("T")
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

    def check(self, query: str, names: Sequence[str], row: sqlite3.Row) -> None:
        """Raises Corrupt."""
        kinds = (query, *map(type, row))
        if kinds not in self._known:
            self._compare(names, row)
            self._known.add(kinds)
            self._ids[query] = [name for name in names if name in self._are_ids]
        for name in self._ids[query]:
            if row[name] is not None and len(row[name]) != ID_BYTES:
                raise Corrupt(f"the database is damaged: {name} is none")

    def _compare(self, names: Sequence[str], row: sqlite3.Row) -> None:
        for name, value in zip(names, row, strict=True):
            if name in self._types and type(value) not in self._types[name]:
                raise Corrupt(f"the database is damaged: {name} is {type(value).__name__}")


def stored_json(text: str | bytes, kind: type[T]) -> T:
    """Raises Corrupt if it is no such thing."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"the database is damaged: {error}") from error
