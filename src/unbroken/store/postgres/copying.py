"""A PostgreSQL as one side of a copy."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg

from unbroken.env import Env
from unbroken.errors import SettingsInvalid
from unbroken.store.copying import Column, Made, Side
from unbroken.store.postgres import indexing, migrating
from unbroken.store.postgres.connecting import Connecting, bad_url
from unbroken.store.postgres.database import PostgresDatabase

LOOKS, LOOK_S = 20, 0.1  # who has just left is seen for a moment

# How a value is read and written as a number, a text or bytes.
_AS: Mapping[str, tuple[str, str]] = {
    "uuid": ("uuid_send({})", "encode(%s::bytea, 'hex')::uuid"),
    "boolean": ("{}::int", "(%s::int <> 0)"),
    "tsvector": ("", "%s::tsvector"),
}
_WORDS: Mapping[str, Made] = {
    "messages": lambda row: indexing.line(row["role"], row["text"]),
    "participants": indexing.caller,
    "conversations": indexing.conversation,
}


@asynccontextmanager
async def open_source(url: str, env: Env) -> AsyncIterator[Side]:
    """Raises SettingsInvalid if there are no tables in it, they are of another version, or a
    service has it."""
    async with _opened(url, env, may_be_empty=False) as side:
        yield side


@asynccontextmanager
async def open_target(url: str, env: Env) -> AsyncIterator[Side]:
    """The tables are made, if there are none. Raises SettingsInvalid if they are of another
    version, or a service has it."""
    async with _opened(url, env, may_be_empty=True) as side:
        yield side


@asynccontextmanager
async def _opened(url: str, env: Env, *, may_be_empty: bool) -> AsyncIterator[Side]:
    own = f"copy {env.new_id()}"
    try:
        named = psycopg.conninfo.make_conninfo(url, application_name=own)
    except psycopg.ProgrammingError:
        raise bad_url() from None
    found = await asyncio.to_thread(lambda: migrating.migrate(Connecting(named, env), is_dry=True))
    before, now = found.before, len(migrating.OURS.before)
    name = _named(named)
    if not before and not may_be_empty:
        raise SettingsInvalid(f"there are no tables in {name}")
    if before not in (0, now):
        raise SettingsInvalid(f"{name} has tables of version {before}, this one has {now}")
    if found.left:
        raise SettingsInvalid(f"{name} needs unbroken migrate --after first")
    async with PostgresDatabase.open(named, env, is_copy=True) as database:
        check_alone = partial(_check_alone, database, name, own)
        await check_alone()
        rows = await database.read(lambda tx: tx.all("list_copied"))
        yield Side(database, name, _tables(rows), "set local statement_timeout = 0", check_alone)


async def _check_alone(database: PostgresDatabase, name: str, own: str) -> None:
    for _ in range(LOOKS):
        (found,) = await database.read(lambda tx: tx.all("count_others", own=own))
        if not found["count"]:
            return
        await asyncio.sleep(LOOK_S)
    raise SettingsInvalid(f"a service or another copy is connected with {name}: stop it first")


def _tables(rows: list[Mapping[str, Any]]) -> dict[str, tuple[Column, ...]]:
    tables: dict[str, tuple[Column, ...]] = {}
    for row in rows:
        tables[row["table_name"]] = (*tables.get(row["table_name"], ()), _column(row))
    return tables


def _column(row: Mapping[str, Any]) -> Column:
    name, kind = row["column_name"], row["type_name"]
    read, write = _AS.get(kind, ("{}", "%s"))
    made = _WORDS[row["table_name"]] if kind == "tsvector" else None
    return Column(name, row["position"], read.format(name), write, made)


def _named(conninfo: str) -> str:
    """Without its password."""
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    return f"the database {parts.get('dbname', '')} on {parts.get('host', 'this host')}"
