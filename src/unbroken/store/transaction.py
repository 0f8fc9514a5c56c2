"""What a dialect gives to the rules: transactions that run queries by their name.

Theory of operation. The rules stand once, as plain functions of a `Transaction`; a `Database` runs
them, each in one transaction, in a thread of its own, and runs one again that its driver says may
be run again. So a rule must change nothing but rows, and read the time from its transaction.

The SQL is the dialect's, in `sql/<dialect>`, by names that are the same in all. Values go in by
name. What comes out looks the same everywhere: ids are UUIDs, times microseconds since 1970,
payloads bytes; a condition is true or false in the sense of `bool`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar
from uuid import UUID

from unbroken.archive.port import StoreIdentity

TENANT = 1
UNFINISHED = "a copy that is not finished: run `unbroken copy` again"

Row = Mapping[str, Any]
T = TypeVar("T")


class Unstorable(Exception):
    """It failed for what was to be stored, and will again; not for the database or its disk."""


class Transaction(Protocol):
    """One snapshot that is read, or one change that is made whole or not at all.

    `:now` and `:tenant` are known to every query. A list or tuple is given as the set of values
    that a query may choose from.
    """

    @property
    def now_us(self) -> int:
        """The store's time: the same in all of the transaction."""
        ...

    @property
    def identity(self) -> StoreIdentity:
        """Which history of which database it reads, or adds to."""
        ...

    def one(self, query: str, **values: Any) -> Row | None:
        """The first row that the last statement of `query` gives. Raises Corrupt."""
        ...

    def all(self, query: str, **values: Any) -> list[Row]:
        """Run all statements of `query`; the rows of the last one. Raises Corrupt."""
        ...

    def each(self, query: str, **values: Any) -> Iterator[Row]:
        """The rows of a single statement, one at a time: who stops early has not read the rest.
        Raises Corrupt."""
        ...

    def many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run `query` for all rows in one step; it knows their values by their number."""
        ...

    def stream(self, statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement that was made of the tables' own columns, one at a time, as they
        are stored. Raises Corrupt."""
        ...

    def change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement that was made of the tables' own columns, for each of `rows`."""
        ...

    def wake(self) -> None:
        """Who waits is woken when this has committed."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """All that is done in it, or nothing. Raises Unstorable for what cannot be stored."""
        ...


class Database(Protocol):
    """An opened database. Every call raises ArchiveUnavailable if it does not answer, and Corrupt
    if what it answers was never stored."""

    @property
    def identity(self) -> StoreIdentity:
        """As the last write had it."""
        ...

    @property
    def own_holder(self) -> UUID:
        """Who holds what is saved over REST; told to nobody."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction; on return it is on disk."""
        ...

    async def write_at_once(self, work: Callable[[Transaction], T]) -> T:
        """As `write`, for an agent that waits: what is read for people stands still meanwhile."""
        ...

    async def claim(self, work: Callable[[Transaction], T]) -> T:
        """As `write`, for a query that gives each row to one of all who ask at once: where the
        dialect can, it waits for nobody who writes."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one snapshot, for people: agents that wait go first."""
        ...

    async def aside(self, work: Callable[[Callable[[], None]], T]) -> T:
        """Run `work` in a thread, as `read` does, with what it calls before each part of it."""
        ...

    async def read_at_once(self, work: Callable[[Transaction], T]) -> T:
        """As `read`, for agents: never behind what people read."""
        ...

    async def search(self, terms: Sequence[str], work: Callable[[Transaction, Any], T]) -> T:
        """As `read`; `work` is also given what the index is asked for `terms`, as the dialect
        has it: each as it stands, the last one as a beginning, too; None: for nothing. An index
        that is damaged is made anew, and asked again."""
        ...

    async def wait(self, wait_s: float) -> None:
        """Until a transaction that called `wake` has committed since the last wait, here or in
        another process, at the latest for `wait_s`. It may be missed, or come for nothing."""
        ...

    async def check(self) -> None:
        """Raises if nothing can be read or kept now."""
        ...
