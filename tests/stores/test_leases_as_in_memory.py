"""Whatever is asked in whatever order: the stores grant what memory grants."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unbroken.coordination.lease import LOCK, SLOT, Lease, LeaseAsk, Pool
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.rate import window
from unbroken.errors import Conflict, LeaseLost
from unbroken.testing.holders import Clock, Host

IDS = [Host().new_id() for _ in range(6)]
POOLS = st.sampled_from([Pool(LOCK, "door"), Pool(SLOT, "calls"), Pool(SLOT, "calls", "ann")])
STEPS = st.one_of(
    st.tuples(st.just("grant"), st.sampled_from(IDS), POOLS, st.integers(1, 3)),
    st.tuples(st.just("grant"), st.sampled_from(IDS), POOLS, st.integers(1, 3)),
    st.tuples(st.just("renew"), st.sampled_from(IDS)),
    st.tuples(st.just("release"), st.sampled_from(IDS)),
    st.tuples(st.just("admit"), st.sampled_from("ab"), st.integers(1, 3), st.integers(1, 4)),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 1, 3])),
)
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Still(Clock):
    """Time goes by only when it is put forward."""

    def __init__(self):
        super().__init__()
        self._first_us = super().now_us(), super().boot_us()

    def now_us(self):
        return self._first_us[0] + self._ahead_us

    def boot_us(self):
        return self._first_us[1] + self._ahead_us


class Named:
    """Each run of steps has pools and ids of its own."""

    def __init__(self, leases, run):
        self._leases, self._run = leases, run

    def id(self, name):
        return IDS[0].__class__(int=name.int ^ (self._run << 32))

    async def grant(self, name, pool, limit):
        pool = pool._replace(name=f"{pool.name} {self._run}")
        limit = 1 if pool.kind == LOCK else limit
        asked = LeaseAsk(lease_id=self.id(name), pool=pool, limit=limit, ttl_us=2_000_000)
        return await self._leases.grant(asked)

    async def renew(self, name):
        return await self._leases.renew(self.id(name), ttl_us=2_000_000)

    async def release(self, name):
        return await self._leases.release(self.id(name))

    async def admit(self, key, limit, per_s):
        return await self._leases.admit(window(f"{self._run}", key, limit=limit, per_s=per_s))


async def came_of(leases, step):
    kind, *given_ = step
    try:
        answer = await getattr(leases, kind)(*given_)
    except (Conflict, LeaseLost) as error:
        return type(error)
    if isinstance(answer, Lease):  # what time it is to a database is its own
        return msgspec.structs.replace(answer, fence=0, granted_at_us=0, until_us=0)
    return answer


async def check(store, clock, steps):
    run = clock.runs = getattr(clock, "runs", 0) + 1
    both = [Named(leases, run) for leases in (store.leases, MemoryLeases(clock))]
    for step in steps:
        if step[0] == "advance":
            clock.advance(step[1])
        else:
            of_store, of_memory = [await came_of(leases, step) for leases in both]
            assert of_store == of_memory, step


@pytest.fixture
def clock():
    return Still()


@MANY
@given(st.lists(STEPS, max_size=40))
async def test_sqlite_grants_what_memory_grants(store, clock, steps):
    await check(store, clock, steps)


@settings(MANY, max_examples=12)
@given(st.lists(STEPS, min_size=15, max_size=40))
async def test_postgres_grants_what_memory_grants(postgres_store, clock, steps):
    await check(postgres_store, clock, steps)
