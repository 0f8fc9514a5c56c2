"""A transaction of the SQLite file, for the rules."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from unbroken.store import queries
from unbroken.store.sqlite.shapes import Shapes
from unbroken.store.transaction import TENANT, Row, Unstorable

QUERIES = queries.load("sqlite", sqlite3.complete_statement)
ROWS_MAX = 64  # of one statement; fewer are the powers of two below, so that few are prepared
OF_VALUES = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


class SqliteTransaction:
    """A connection inside `begin immediate`, or one that only reads. `now_us` is its time."""

    def __init__(self, connection: sqlite3.Connection, now_us: int, shapes: Shapes) -> None:
        self.now_us = now_us
        self.is_waking = False
        self._connection = connection
        self._shapes = shapes

    def one(self, query: str, **values: Any) -> Row | None:
        rows = self.all(query, **values)
        return rows[0] if rows else None

    def all(self, query: str, **values: Any) -> list[Row]:
        found: list[sqlite3.Row] = []
        bound = self._bound(values)
        for statement in QUERIES[query]:
            found = self._connection.execute(statement, bound).fetchall()
        names = found[0].keys() if found else ()
        return [self._shapes.row(query, names, row) for row in found]

    def each(self, query: str, **values: Any) -> Iterator[Row]:
        (statement,) = QUERIES[query]
        names: Sequence[str] = ()
        for row in self._connection.execute(statement, self._bound(values)):
            names = names or row.keys()
            yield self._shapes.row(query, names, row)

    def many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows and any(isinstance(value, UUID) for value in rows[0]):
            rows = [tuple(map(_bound, row)) for row in rows]
        for statement in QUERIES[query]:
            self._many(statement, rows)

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        done = 0
        while done < len(rows):  # each statement gives the interpreter away, and waits for it
            count = min(ROWS_MAX, 1 << ((len(rows) - done).bit_length() - 1))
            if (of_rows := queries.of_rows(statement, count)) is None:
                self._connection.executemany(statement, rows)
                return
            values = [value for row in rows[done : done + count] for value in row]
            self._connection.execute(of_rows, values)
            done += count

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


def is_of_values(error: Exception) -> bool:
    """It failed for what was to be stored, and will again; not for the file or its disk."""
    return not isinstance(error, sqlite3.Error) or isinstance(error, OF_VALUES)
