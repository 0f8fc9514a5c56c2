"""Both stores, and the memory of a process, keep the promises of locks, slots and windows."""

from types import SimpleNamespace

import pytest

from unbroken import testing
from unbroken.coordination.lease import LOCK, Pool
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.rate import window
from unbroken.errors import Corrupt
from unbroken.testing.leases import TTL_S, granted


class TestSqliteLeases(testing.StoredLeasesContract):
    pass


class TestPostgresLeases(testing.StoredLeasesContract):
    @pytest.fixture
    def store(self, postgres_store):
        return postgres_store


class TestMemoryLeases(testing.LeasesContract):
    @pytest.fixture
    def store(self, clock):
        return SimpleNamespace(leases=MemoryLeases(clock))


async def test_a_pool_that_is_damaged_is_not_given_out(store):
    lease = await granted(store)

    def damage(tx):
        tx._connection.execute("update leases set pool = 'door'")

    await store._database.write(damage)
    with pytest.raises(Corrupt):
        await store.leases.list(limit=9)
    with pytest.raises(Corrupt):
        await store.leases.release(lease.lease_id)


async def test_what_nobody_asks_for_any_more_is_forgotten(store, clock):
    for n in range(20):
        lease = await granted(store, Pool(LOCK, f"door {n}"))
        await store.leases.release(lease.lease_id)
        assert await store.leases.admit(window(f"sms {n}", "", limit=2, per_s=9)) is None
    held = await granted(store, ttl_us=TTL_S * 1_000_000)
    clock.advance(8 * 86_400)
    await granted(store, Pool(LOCK, "another"))
    await store.leases.admit(window("another", "", limit=2, per_s=9))

    def counted(tx):
        tables = ("fences", "admissions")
        return [tx._connection.execute(f"select count(*) from {t}").fetchone()[0] for t in tables]

    assert await store._database.read(counted) == [2, 1]
    assert await store.leases.fence("door") == held.fence  # its row is still there
