"""A SQLite file as one side of a copy."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from unbroken.env import Env
from unbroken.errors import SettingsInvalid
from unbroken.store.copying import Column, Made, Side
from unbroken.store.sqlite.database import SqliteDatabase, only_writer, versions
from unbroken.store.sums import SUMS


@asynccontextmanager
async def open_source(path: Path, env: Env) -> AsyncIterator[Side]:
    """To be read only. Raises SettingsInvalid if there is none, it is of another version, or a
    service has it."""
    before, _ = versions(path)
    if not before:
        raise SettingsInvalid(f"there is no database at {path}")
    with only_writer(path):
        async with SqliteDatabase.reading(path, env) as database:
            yield await _side(database, path)


@asynccontextmanager
async def open_target(path: Path, env: Env) -> AsyncIterator[Side]:
    """Made, if there is none. Raises SettingsInvalid if it is of another version, or a service has
    it."""
    before, now = versions(path)
    if before not in (0, now):
        raise SettingsInvalid(f"{path} has tables of version {before}, this one has {now}")
    async with SqliteDatabase.open(path, env, is_copy=True) as database:
        yield await _side(database, path)


async def _side(database: SqliteDatabase, path: Path) -> Side:
    tables: dict[str, tuple[Column, ...]] = {}
    for row in await database.read(lambda tx: tx.all("list_copied")):
        tables[row["table_name"]] = (*tables.get(row["table_name"], ()), _column(row))
    return Side(database, str(path), tables)


def _column(row: Mapping[str, Any]) -> Column:
    name = row["column_name"]
    made: Made | None = SUMS.get((row["table_name"], name))
    return Column(name, row["position"], name, "?", made)
