"""What tests of a copy work with: a store with a row in each table, and the rows as they stand."""

import sqlite3
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from obstore.store import MemoryStore
from psycopg.rows import dict_row

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.scope import ROOM, StateOwner
from unbroken.coordination.values import encoded
from unbroken.env import Host
from unbroken.store.postgres import PostgresStore
from unbroken.store.records import Report, User
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import ENV, Holder, entry

FILE = "unbroken.sqlite"
OWN = {"words", "sum", "head", "spot", "title_sum"}  # columns that one dialect has, or compares
TABLES = (
    "select name from sqlite_schema where type = 'table' and name not like 'search%' "
    "and name <> 'store'"
)
LOBBY = StateOwner(ROOM, "lobby")


@asynccontextmanager
async def opened(place):
    """The store at a URL, or in a folder."""
    if str(place).startswith("postgresql:"):
        async with PostgresStore.open(str(place), ObjectBlobs(MemoryStore()), Host()) as store:
            yield store
        return
    blobs = ObjectBlobs.in_folder(place / "blobs")
    async with SqliteStore.open(place / FILE, blobs, Host()) as store:
        yield store


async def lived_in(folder, *, lines=3):
    """A session that was taken over, and something of everything else."""
    async with opened(folder) as store:
        holder, second = Holder(store.archive), Holder(store.archive)
        taken = await holder.take(user_id="ann")
        for n in range(lines):
            await holder.say(f"line {n} of the lobby")
        await holder.append(lines + 1, final="crashed")
        await second.take()
        await holder.append(lines + 1, entry())
        await store.users.put(User(id="bob", name="Bøb", context=b'{"likes":"tea"}'))
        await store.conversations.rename(taken.conversation_id, "The lobby")
        await store.state.set(LOBBY, "order", encoded({"table": 7}))
        about = {"error_type": "E", "message": "went wrong", "stack_trace": None}
        await store.reports.put(Report(id=ENV.new_id(), room_name="room", at_us=0, **about))
    _fill(folder / FILE)
    return taken


def _fill(path):
    """A row in each table that has none yet."""
    db = sqlite3.connect(path)
    for (table,) in db.execute(TABLES).fetchall():
        if not db.execute(f"select 1 from {table}").fetchone():
            columns = db.execute(f"pragma table_info({table})").fetchall()
            kept = {
                name: _some(name, kind.lower()) for _, name, kind, *_ in columns if name not in OWN
            }
            places = ", ".join("?" * len(kept))
            names = ", ".join(kept)
            db.execute(f"insert into {table} ({names}) values ({places})", [*kept.values()])
    db.commit()
    db.close()


def _some(name, kind):
    if kind == "blob":
        return ENV.new_id().bytes if name.endswith(("_id", "holder")) or name == "id" else b"\0\xff"
    return {"integer": 1, "text": f"some {name}"}[kind]


def rows(place, *, with_own=False):
    """By table, all rows in the order of their texts: ids as bytes, conditions as numbers."""
    found = _of_postgres(place) if str(place).startswith("postgresql:") else _of_sqlite(place)
    left = set() if with_own else OWN
    return {
        table: sorted(
            (tuple(sorted((k, v) for k, v in row.items() if k not in left)) for row in each),
            key=repr,
        )
        for table, each in found.items()
    }


def _of_sqlite(folder):
    db = sqlite3.connect(folder / FILE)
    db.row_factory = sqlite3.Row
    tables = [table for (table,) in db.execute(TABLES)]
    found = {table: list(map(dict, db.execute(f"select * from {table}"))) for table in tables}
    db.close()
    return found


def _of_postgres(url):
    of_tables = (
        "select relname as name from pg_stat_user_tables where schemaname = 'public' "
        "and relname not in ('store', 'schema_version')"
    )
    with psycopg.connect(url, row_factory=dict_row) as db:
        tables = [row["name"] for row in db.execute(of_tables).fetchall()]
        return {t: [_plain(r) for r in db.execute(f"select * from {t}")] for t in tables}


def _plain(row):
    return {name: _as_sqlite(value) for name, value in row.items()}


def _as_sqlite(value):
    if isinstance(value, UUID):
        return value.bytes
    return int(value) if isinstance(value, bool) else value
