"""A transaction of PostgreSQL, for the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from unbroken.archive.port import StoreIdentity
from unbroken.store import queries
from unbroken.store.port import GiveWay, giving_way
from unbroken.store.postgres import indexing
from unbroken.store.postgres.errors import is_of_values
from unbroken.store.postgres.statements import QUERIES
from unbroken.store.sums import entry_sum, line_sum
from unbroken.store.transaction import TENANT, Row, Unstorable

FETCHED = 100  # rows at once, of those that are read one at a time
_CALLERS = {"put_participant"}  # what changes the words by which they are found
_CONVERSATIONS = {"put_conversation", "suggest_title", "set_title"}

Connection: TypeAlias = psycopg.Connection[dict[str, Any]]


class PostgresTransaction:
    """A connection behind its `begin`. `now_us` is its time."""

    def __init__(
        self,
        connection: Connection,
        now_us: int,
        identity: StoreIdentity,
        give_way: GiveWay | None = None,
    ) -> None:
        self.now_us = now_us
        self.identity = identity
        self.is_waking = False
        self._connection = connection
        self._give_way = give_way
        self._asked: set[str] = set()

    def one(self, query: str, **values: Any) -> Row | None:
        rows = self.all(query, **values)
        return rows[0] if rows else None

    def all(self, query: str, **values: Any) -> list[Row]:
        self._asked.add(query)
        bound = self._bound(values)
        for statement in QUERIES[query]:
            cursor = self._connection.execute(statement, bound)
        return list(self._rows(query, cursor)) if cursor.description else []

    def each(self, query: str, **values: Any) -> Iterator[Row]:
        (statement,) = QUERIES[query]
        with self._connection.cursor(name="rows") as cursor:
            cursor.itersize = FETCHED
            cursor.execute(statement, self._bound(values))
            yield from self._rows(query, cursor)

    def _rows(self, query: str, found: Iterable[dict[str, Any]]) -> Iterator[Row]:
        rows = giving_way(found, self._give_way) if self._give_way else found
        for row in rows:
            yield _checked(query, row)

    def many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._asked.add(query)
        if query == "put_message":
            rows = [(*row, indexing.line(row[7], row[8])) for row in rows]
        for statement in QUERIES[query]:
            if queries.takes_rows(statement):
                for insert, values in queries.inserts(statement, rows):
                    self._connection.execute(insert.replace("?", "%s"), values)
            elif "%(p" in statement:
                named = [{f"p{n}": v for n, v in enumerate(row, 1)} for row in rows]
                self._connection.cursor().executemany(statement, named)
            else:
                self._connection.execute(statement)

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor(name="rows", row_factory=tuple_row) as cursor:
            cursor.itersize = FETCHED
            yield from cursor.execute(statement, values)

    def change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection.cursor().executemany(statement, rows)

    def wake(self) -> None:
        self.is_waking = True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("savepoint part")
        try:
            yield
        except BaseException as error:
            if self._connection.info.transaction_status != TransactionStatus.UNKNOWN:
                self._connection.execute("rollback to part")
                self._connection.execute("release part")
            if isinstance(error, Exception) and is_of_values(error):
                raise Unstorable from error
            raise
        self._connection.execute("release part")

    def index(self) -> None:
        """What was changed is found by its new words."""
        if self._asked & _CALLERS:
            rows = self.all("list_unindexed_callers")
            words = [(r["call_id"], r["identity"], indexing.caller(r)) for r in rows]
            self.many("index_caller", words)
        if self._asked & _CONVERSATIONS:
            rows = self.all("list_unindexed_conversations")
            titles = [(r["conversation_id"], indexing.conversation(r)) for r in rows]
            self.many("index_conversation", titles)

    def _bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        bound = {"now": self.now_us, "tenant": TENANT, **values}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in bound.items()}


def _checked(query: str, row: dict[str, Any]) -> Row:
    """An entry is whole if what surrounds its payload is, too; a line has the sum of what it says
    now, to be compared with what the log says."""
    if query == "list_lines":
        row["head"] = line_sum(row)
    if query == "list_entries" and row["head"] is not None:
        row["is_whole"] = row["is_whole"] and row["head"] == entry_sum(row)
    return row
