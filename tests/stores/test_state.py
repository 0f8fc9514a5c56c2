"""Both stores keep the promises of the state that agents share; what only SQLite can do to it."""

import sqlite3
from types import SimpleNamespace

import pytest

from unbroken import testing
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.errors import Corrupt
from unbroken.store.postgres import PostgresStore
from unbroken.testing.state import LOBBY, PAGE, put


class TestSqliteState(testing.StateContract):
    pass


class TestPostgresState(testing.StateContract):
    @pytest.fixture
    async def store(self, tmp_path, clock, database):
        blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
        async with PostgresStore.open(database, blobs, clock) as store:
            yield store


class TestMemoryState(testing.StateContract):
    @pytest.fixture
    def store(self, clock):
        leases = MemoryLeases(clock)
        return SimpleNamespace(state=MemoryShared(clock, leases), leases=leases)


@pytest.fixture
async def damaged(store, tmp_path):
    """The value of `a` is not what was stored; that of `b` is."""
    first = await put(store, "a", "secret")
    await put(store, "b", "other")
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as db:
        db.create_function("row_sum", -1, lambda *_: 0)
        for table in ("state", "state_changes"):
            db.execute(f"update {table} set content = cast('\"sacred\"' as blob) where key = 'a'")
    db.close()
    return first


async def test_what_was_not_stored_is_not_given_out(store, damaged):
    for asked in (
        store.state.get(LOBBY, "a"),
        store.state.patch(LOBBY, "a", b"{}"),
        store.state.add(LOBBY, "a", 1),
    ):
        with pytest.raises(Corrupt):
            await asked
    page = await store.state.list(LOBBY, **PAGE)
    assert [(v.content, v.is_whole) for v in page.values] == [(None, False), (b'"other"', True)]
    found = await store.state.changes(LOBBY, after=damaged.version - 1, **PAGE)
    assert [c.is_whole for c in found.changes] == [False, True]


async def test_what_is_damaged_can_be_set_anew_or_deleted(store, damaged):
    again = await store.state.set(LOBBY, "a", b"1", if_version=damaged.version)
    assert await store.state.get(LOBBY, "a") == again
    await store.state.delete(LOBBY, "a", if_version=again.version)
