"""A copy of one database in another one, of any two dialects: table by table, in the order of keys.

Theory of operation. Nothing is noted of how far it came: for each batch of rows of the source what
the target has between the same keys is read, and only what differs is written. So whoever stopped
it, and wherever, the same call goes on, and ends the same. Afterwards all rows are compared once
more, and the log of each session with its chain. The target is marked until then, so that no
service takes half of it for all. Statements are made of the columns that both sides have: there is
no other copy of them.
"""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, NamedTuple, TypeAlias

from unbroken.errors import Conflict, SettingsInvalid
from unbroken.store.records import Verified
from unbroken.store.transaction import Database, Row, Transaction, Unstorable
from unbroken.store.verifying import Verifying

ROWS_MAX = 500  # of a batch
INSERT_MAX = 100  # rows of one statement
BYTES_MAX = 4 << 20  # likewise; the row that reaches it is the last one
DAMAGED_MAX = 1_000  # named; the others are counted
PAGE = 100  # sessions

Values: TypeAlias = tuple[Any, ...]
Made: TypeAlias = Callable[[Row], Any]
Tell: TypeAlias = Callable[[str, int], None]


class Column(NamedTuple):
    """`position` in the primary key, from 1; 0: not in it. `read` and `write` are how SQL gives
    and takes its value as a number, a text or bytes. `made`: of the row's other values, which
    only this dialect does; where it has no `read`, it is not compared."""

    name: str
    position: int
    read: str
    write: str
    made: Made | None = None


class Side(NamedTuple):
    """An opened database. `patience` is run before what may take long. `check_alone` raises
    SettingsInvalid if a service is connected with it; None: nobody else can open it."""

    database: Database
    name: str
    tables: Mapping[str, tuple[Column, ...]]
    patience: str | None = None
    check_alone: Callable[[], Awaitable[None]] | None = None


class Table:
    """One of those that both sides have."""

    def __init__(self, name: str, source: Sequence[Column], target: Sequence[Column]) -> None:
        by_name = {column.name: column for column in target}
        read = [column for column in source if column.made is None]
        kept = [by_name[column.name] for column in read]
        self.name = name
        self.names = tuple(column.name for column in read)
        self._key = tuple(map(self.names.index, _key(read)))
        self._sums = [column for column in source if column.made and column.read]
        self._made = [column.made for column in target if column.made]
        self._of_source = _Statements(name, read, also=self._sums)
        self._of_target = _Statements(name, kept)
        self._upsert = _Upsert(name, kept, [column for column in target if column.made])

    def key(self, row: Values) -> Values:
        return tuple(row[n] for n in self._key)

    def page(self, tx: Transaction, after: Values | None) -> list[Values]:
        """The next rows of the source, each with the sums that are compared."""
        found, size = [], 0
        for row in self._of_source.page(tx, after):
            found.append(row)
            size += sum(len(value) for value in row if isinstance(value, bytes | str))
            if size >= BYTES_MAX:
                break
        return found

    def bare(self, row: Values) -> Values:
        return row[: len(self.names)]

    def is_whole(self, row: Values) -> bool:
        """As the source wrote it, as far as it keeps a sum."""
        said = dict(zip(self.names, row, strict=False))
        kept = zip(self._sums, row[len(self.names) :], strict=True)
        return all(value in (None, sum_.made and sum_.made(said)) for sum_, value in kept)

    def differing(
        self, tx: Transaction, after: Values | None, upto: Values | None, wanted: list[Values]
    ) -> tuple[list[Values], list[Values]]:
        """Of the target: rows to be put, and keys of those that are not to be there."""
        left, gone = {self.key(row): row for row in wanted}, []
        for row in self._of_target.between(tx, after, upto):
            key = self.key(row)
            if key not in left:
                gone.append(key)
            elif left[key] == row:
                del left[key]
        return list(left.values()), gone

    def change(self, tx: Transaction, put: Sequence[Values], gone: Sequence[Values]) -> None:
        tx.change(self._of_target.delete, gone)
        for start in range(0, len(put), INSERT_MAX):
            rows = [(*row, *self._more(row)) for row in put[start : start + INSERT_MAX]]
            tx.change(self._upsert.of(len(rows)), [tuple(v for row in rows for v in row)])

    def _more(self, row: Values) -> Iterator[Any]:
        said = dict(zip(self.names, row, strict=True))
        return (made(said) for made in self._made)


class Copy:
    """`tell` is called with a table and how many of its rows have been gone through."""

    def __init__(self, source: Side, target: Side, tell: Tell) -> None:
        self._source, self._target, self._tell = source, target, tell
        self._tables = [
            Table(name, columns, target.tables[name]) for name, columns in source.tables.items()
        ]
        self._damaged: dict[tuple[str, Values], None] = {}
        self.rows = 0  # of the source, as they were compared last

    @property
    def damaged(self) -> list[str]:
        """Rows that are not as the source wrote them, and were copied as they are."""
        return [f"{table} {'/'.join(map(_shown, key))}" for table, key in self._damaged]

    async def begin(self) -> int:
        """The target is marked as a copy of this source; how many rows the source has.

        Raises SettingsInvalid if the source is itself unfinished, or the target has anything else.
        """
        (of,) = await self._source.database.read(lambda tx: tx.all("get_store"))
        if of["is_copying"]:
            raise SettingsInvalid(f"{self._source.name} is itself a copy that was not finished")
        (found,) = await self._target.database.read(lambda tx: tx.all("get_store"))
        if not found["is_copying"]:
            await self._check_empty(of, found)
            row = {name: of[name] for name in ("system_id", "own_holder", "created_at")}
            await self._target.database.write(lambda tx: tx.all("begin_copy", **row))
        elif found["system_id"] != of["system_id"]:
            raise SettingsInvalid(f"{self._target.name} is an unfinished copy of something else")
        return sum(await self._count(self._source))

    async def _check_empty(self, of: Row, found: Row) -> None:
        if found["system_id"] == of["system_id"]:
            raise SettingsInvalid(
                f"{self._target.name} is a finished copy already: what is new there would be lost"
            )
        if any(await self._count(self._target)):
            raise SettingsInvalid(f"{self._target.name} is not empty")

    async def run(self) -> None:
        """The target has what the source has. Raises Conflict for rows that it cannot hold."""
        async for table, put, gone in self._differing():
            try:
                await self._target.database.write(_changing(table, put, gone))
            except Unstorable as error:
                raise Conflict(
                    f"{self._target.name} takes no row of {table.name} between these: "
                    f"{_shown_keys(table, put)}"
                ) from error

    async def compare(self) -> None:
        """Each row is the same on both sides, and as many are there. Raises Conflict, and
        SettingsInvalid if a service has connected meanwhile: a table that was compared may be
        another one by now."""
        async for table, put, gone in self._differing():
            keys = _shown_keys(table, put) or "/".join(map(_shown, gone[0]))
            raise Conflict(
                f"{table.name} differs at {keys}: {self._source.name} was changed meanwhile"
            )
        for side in (self._source, self._target):
            if side.check_alone is not None:
                await side.check_alone()

    async def verified(self) -> AsyncIterator[Verified]:
        """The log of each session of the target, its chain and its lines; not its large parts."""
        asked: dict[str, Any] = {"limit": PAGE, "before": None}
        database = self._target.database
        while rows := await database.read(lambda tx: tx.all("newest_sessions", **asked)):
            for row in rows:
                yield await database.read(_verifying(row["session_id"]))
            asked["before"] = rows[-1]["session_id"]

    async def finish(self) -> None:
        """From now on services may open the target."""
        await self._target.database.write(lambda tx: tx.all("end_copy"))

    async def _differing(self) -> AsyncIterator[tuple[Table, list[Values], list[Values]]]:
        self.rows = 0
        for table in self._tables:
            after: Values | None = None
            while True:
                rows = await self._source.database.read(_paging(table, after))
                self._look_at(table, rows)
                upto = table.key(rows[-1]) if rows else None
                wanted = list(map(table.bare, rows))
                found = await self._target.database.read(_between(table, after, upto, wanted))
                if any(found):
                    yield table, *found
                self._tell(table.name, len(rows))
                if upto is None:
                    break
                after = upto

    def _look_at(self, table: Table, rows: Collection[Values]) -> None:
        self.rows += len(rows)
        for row in rows:
            if not table.is_whole(row) and len(self._damaged) < DAMAGED_MAX:
                self._damaged[table.name, table.key(row)] = None

    async def _count(self, side: Side) -> list[int]:
        return [await side.database.read(_counting(side, table.name)) for table in self._tables]


class _Statements:
    """Of one table on one side. `also` is read, too."""

    def __init__(self, name: str, columns: Sequence[Column], also: Sequence[Column] = ()) -> None:
        by_name = {column.name: column for column in columns}
        keys = [by_name[name] for name in _key(columns)]
        self._keys = ", ".join(column.name for column in keys)
        self._place = ", ".join(column.write for column in keys)
        self._select = f"select {', '.join(c.read for c in (*columns, *also))} from {name}"
        self.delete = f"delete from {name} where ({self._keys}) = ({self._place})"

    def page(self, tx: Transaction, after: Values | None) -> Iterator[Values]:
        return tx.stream(f"{self._range(after, None)} limit {ROWS_MAX}", after or ())

    def between(
        self, tx: Transaction, after: Values | None, upto: Values | None
    ) -> Iterator[Values]:
        return tx.stream(self._range(after, upto), (*(after or ()), *(upto or ())))

    def _range(self, after: Values | None, upto: Values | None) -> str:
        bounds = [("> ", after), ("<=", upto)]
        held = [f"({self._keys}) {sign} ({self._place})" for sign, key in bounds if key]
        where = f" where {' and '.join(held)}" if held else ""
        return f"{self._select}{where} order by {self._keys}"


class _Upsert:
    """Of several rows: each statement costs the other side more than a row of it."""

    def __init__(self, name: str, kept: Sequence[Column], made: Sequence[Column]) -> None:
        columns = (*kept, *made)
        rest = [f"{c.name} = excluded.{c.name}" for c in columns if not c.position]
        self._row = f"({', '.join(c.write for c in columns)})"
        self._insert = f"insert into {name} ({', '.join(c.name for c in columns)}) values "
        changed = f"update set {', '.join(rest)}" if rest else "nothing"
        self._else = f" on conflict ({', '.join(_key(kept))}) do {changed}"

    def of(self, count: int) -> str:
        return self._insert + ", ".join([self._row] * count) + self._else


def _key(columns: Sequence[Column]) -> list[str]:
    keys = sorted((column.position, column.name) for column in columns if column.position)
    return [name for _, name in keys]


def _paging(table: Table, after: Values | None) -> Callable[[Transaction], list[Values]]:
    return lambda tx: table.page(tx, after)


def _between(
    table: Table, after: Values | None, upto: Values | None, wanted: list[Values]
) -> Callable[[Transaction], tuple[list[Values], list[Values]]]:
    return lambda tx: table.differing(tx, after, upto, wanted)


def _changing(
    table: Table, put: Sequence[Values], gone: Sequence[Values]
) -> Callable[[Transaction], None]:
    def change(tx: Transaction) -> None:
        with tx.savepoint():
            table.change(tx, put, gone)

    return change


def _counting(side: Side, table: str) -> Callable[[Transaction], int]:
    def count(tx: Transaction) -> int:
        if side.patience:
            tx.change(side.patience, [()])
        ((found,),) = tx.stream(f"select count(*) from {table}", ())
        return int(found)

    return count


def _verifying(session_id: Any) -> Callable[[Transaction], Verified]:
    return lambda tx: Verifying(tx, session_id).run().verified(())


def _shown_keys(table: Table, rows: Sequence[Values]) -> str:
    ends = (table.key(row) for row in (rows[:1] if len(rows) == 1 else (rows[0], rows[-1])) if rows)
    return " and ".join("/".join(map(_shown, key)) for key in ends)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
