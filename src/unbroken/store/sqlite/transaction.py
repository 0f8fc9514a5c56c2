"""A transaction of the SQLite file, for the rules."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from unbroken.archive.port import StoreIdentity
from unbroken.store import queries
from unbroken.store.port import GiveWay, giving_way
from unbroken.store.sqlite.shapes import Shapes
from unbroken.store.sums import entry_sum, line_sum, spot_sum
from unbroken.store.transaction import TENANT, Row, Unstorable

QUERIES = queries.load("sqlite", sqlite3.complete_statement)
OF_VALUES = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


class SqliteTransaction:
    """A connection inside `begin immediate`, or one that only reads. `now_us` is its time."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        now_us: int,
        shapes: Shapes,
        identity: StoreIdentity,
        give_way: GiveWay | None = None,
    ) -> None:
        self.now_us = now_us
        self.identity = identity
        self.is_waking = False
        self._connection = connection
        self._shapes = shapes
        self._give_way = give_way

    def one(self, query: str, **values: Any) -> Row | None:
        rows = self.all(query, **values)
        return rows[0] if rows else None

    def all(self, query: str, **values: Any) -> list[Row]:
        *others, last = QUERIES[query]
        bound = self._bound(values)
        for statement in others:
            self._connection.execute(statement, bound).fetchall()
        return list(self._rows(query, last, bound))

    def each(self, query: str, **values: Any) -> Iterator[Row]:
        (statement,) = QUERIES[query]
        return self._rows(query, statement, self._bound(values))

    def _rows(self, query: str, statement: str, bound: dict[str, Any]) -> Iterator[Row]:
        rows: Iterable[sqlite3.Row] = self._connection.execute(statement, bound)
        if self._give_way is not None:
            rows = giving_way(rows, self._give_way)
        names: Sequence[str] = ()
        for row in rows:
            names = names or row.keys()
            yield self._checked(query, self._shapes.row(query, names, row))

    def _checked(self, query: str, row: Row) -> Row:
        """Whether it is what was stored. Here and not in the query: there each sum would ask for
        the interpreter once more, which agents may have."""
        if query == "list_entries":
            return dict(row) | {"is_whole": row["is_whole"] and _is_whole(row)}
        if query == "list_messages":
            return self._line(row)
        return row

    def _line(self, row: Row) -> Row:
        """Of one that is damaged, and stands where it stood, `apart` is the payload."""
        is_damaged = row["head"] not in (None, line_sum(row))
        is_misplaced = row["spot"] not in (None, spot_sum(row))
        found = {**row, "is_damaged": is_damaged, "is_misplaced": is_misplaced}
        if is_misplaced:
            found |= {"apart": None, "payload": None}
        elif is_damaged:
            entry = self.one("payload_of", session_id=row["session_id"], seq=row["seq"])
            found["apart"] = entry and entry["payload"]
        return found

    def many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows and any(isinstance(value, UUID) for value in rows[0]):
            rows = [tuple(map(_bound, row)) for row in rows]
        for statement in QUERIES[query]:
            self._many(statement, rows)

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not queries.takes_rows(statement):
            self._connection.executemany(statement, rows)
            return
        for insert, values in queries.inserts(statement, rows):
            self._connection.execute(insert, values)  # each gives the interpreter away

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        return map(tuple, self._connection.execute(statement, values))

    def change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)

    def wake(self) -> None:
        self.is_waking = True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("savepoint part")
        try:
            yield
        except BaseException as error:
            if self._connection.in_transaction:  # a full disk has ended it already
                self._connection.execute("rollback to part")
                self._connection.execute("release part")
            if isinstance(error, Exception) and is_of_values(error):
                raise Unstorable from error
            raise
        self._connection.execute("release part")

    def _bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        bound = {"now": self.now_us, "tenant": TENANT}
        return bound | {name: _bound(value) for name, value in values.items()}


def _bound(value: Any) -> Any:
    """As SQLite takes it: an id as its bytes, a set of values as JSON."""
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, list | tuple):
        texts = [one.hex.upper() if isinstance(one, UUID) else one for one in value]
        return msgspec.json.encode(texts).decode()
    return value


def _is_whole(entry: Row) -> bool:
    payload, head = entry["payload"], entry["head"]
    is_same = payload is None or hashlib.sha256(payload).digest() == entry["sha256"]
    return is_same and head in (None, entry_sum(entry))


def is_of_values(error: Exception) -> bool:
    """It failed for what was to be stored, and will again; not for the file or its disk."""
    return not isinstance(error, sqlite3.Error) or isinstance(error, OF_VALUES)
