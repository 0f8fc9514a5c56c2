"""Those who wait for a lock or a slot are woken, in the order in which they came."""

import asyncio
from collections import Counter

import pytest

from unbroken.coordination import line
from unbroken.coordination.lease import LOCK, SLOT, Lease, LeaseAsk, Pool, SessionTerm
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, LimitReached, Locked
from unbroken.testing.holders import Clock

DOOR, CALLS = Pool(LOCK, "door"), Pool(SLOT, "calls")
LONG_S = 300.0  # a guard: nobody waits for as long
ROUNDS, WAITERS = 10_000, 7


class Counted(MemoryLeases):
    """How often it is asked."""

    asked = 0

    async def grant(self, ask, *, only_own=False):
        self.asked += 1
        return await super().grant(ask, only_own=only_own)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return Counted(clock)


@pytest.fixture
def leases(kept):
    return WaitedLeases(kept)


def ask(pool=DOOR, *, ttl_s=60, **more):
    return LeaseAsk(lease_id=Host().new_id(), pool=pool, ttl_us=int(ttl_s * 1e6), **more)


async def settled():
    """All that can go on now has."""
    for _ in range(20):
        await asyncio.sleep(0)


async def begin(leases, *asked, wait_s=LONG_S):
    tasks = [asyncio.create_task(leases.grant(one, wait_s=wait_s)) for one in asked]
    await settled()
    return tasks


async def test_who_is_released_for_is_woken_in_the_order_of_the_line(leases, kept):
    held = await leases.grant(ask())
    waiting = await begin(leases, *(ask() for _ in range(5)))
    for n, task in enumerate(waiting):
        assert [t.done() for t in waiting] == [True] * n + [False] * (5 - n)
        await leases.release(held.lease_id)
        held = await task
    assert leases.lines.waiters == 0
    assert leases.lines.pools == []


async def test_nobody_asks_while_nothing_happens(leases, kept):
    await leases.grant(ask())
    waiting = await begin(leases, *(ask() for _ in range(5)))
    asked = kept.asked
    await settled()
    assert kept.asked == asked
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_no_waiter_starves(leases):
    """Each comes again at once: between two turns of one, every other has one."""
    turns = []

    async def one(n):
        while len(turns) < ROUNDS:
            lease = await leases.grant(ask(), wait_s=LONG_S)
            turns.append(n)
            await asyncio.sleep(0)
            await leases.release(lease.lease_id)

    await asyncio.gather(*(one(n) for n in range(WAITERS)))
    for start in range(WAITERS, ROUNDS - WAITERS, WAITERS):
        assert len(Counter(turns[start : start + WAITERS])) == WAITERS


async def test_who_does_not_wait_is_refused_at_once(leases):
    await leases.grant(ask())
    with pytest.raises(Locked) as refused:
        await leases.grant(ask())
    assert 0 < refused.value.retry_s <= 60
    await leases.grant(ask(CALLS, limit=1))
    with pytest.raises(LimitReached):
        await leases.grant(ask(CALLS, limit=1))


async def test_nobody_goes_past_those_who_wait(leases):
    held = await leases.grant(ask(CALLS, limit=1))
    (first,) = await begin(leases, ask(CALLS, limit=1))
    with pytest.raises(LimitReached):
        await leases.grant(ask(CALLS, limit=2))
    await leases.release(held.lease_id)
    assert isinstance(await first, Lease)


async def test_a_session_that_goes_on_does_not_wait_for_its_own_slot(leases):
    session_id = Host().new_id()
    await leases.grant(ask(CALLS, session=SessionTerm(session_id, 1)))
    waiting = await begin(leases, ask(CALLS))
    lease = await leases.grant(ask(CALLS, session=SessionTerm(session_id, 2)))
    assert not waiting[0].done()
    await leases.release(lease.lease_id)
    await waiting[0]


async def test_who_gives_up_leaves_the_line(leases):
    held = await leases.grant(ask())
    first, second = await begin(leases, ask(), ask())
    first.cancel()
    await settled()
    await leases.release(held.lease_id)
    assert isinstance(await second, Lease)
    assert first.cancelled()


async def test_the_wait_has_an_end(leases):
    await leases.grant(ask())
    results = await asyncio.gather(
        *(leases.grant(ask(), wait_s=0.01) for _ in range(3)), return_exceptions=True
    )
    assert [type(r) for r in results] == [Locked] * 3
    assert leases.lines.pools == []


async def test_what_is_over_by_itself_wakes_too(leases, clock, kept):
    await leases.grant(ask(ttl_s=1))
    (waiting,) = await begin(leases, ask())
    clock.advance(0.99)
    async with asyncio.timeout(LONG_S):  # woken by the loop's time, when that second is over
        assert isinstance(await waiting, Lease)
    assert kept.asked <= 5


async def test_who_is_cancelled_while_it_is_granted_has_nothing(kept):
    begun, may_end = asyncio.Event(), asyncio.Event()

    class Slow(MemoryLeases):
        async def grant(self, ask, *, only_own=False):
            answer = await super().grant(ask, only_own=only_own)
            begun.set()
            await may_end.wait()
            return answer

    slow = WaitedLeases(Slow())
    task = asyncio.create_task(slow.grant(ask()))
    await begun.wait()
    task.cancel()
    await settled()
    assert task.cancelled()
    may_end.set()
    await settled()
    assert isinstance(await slow.grant(ask()), Lease)


async def test_what_other_processes_release_is_seen_at_a_look(leases, kept):
    held = await leases.grant(ask(CALLS, limit=2))
    await leases.grant(ask(CALLS, limit=2))
    (waiting,) = await begin(leases, ask(CALLS, limit=2))
    await leases.look_once()
    await settled()
    asked = kept.asked
    await leases.look_once()
    await settled()
    assert kept.asked == asked  # nothing is free
    await kept.release(held.lease_id)  # by nobody of this process
    await leases.look_once()
    assert isinstance(await waiting, Lease)
    await leases.look_once()


async def test_the_lines_have_a_bound(leases, monkeypatch):
    monkeypatch.setattr(line, "WAITERS_MAX", 2)
    held = await leases.grant(ask())
    waiting = await begin(leases, ask(), ask())
    with pytest.raises(ArchiveUnavailable):
        await leases.grant(ask(), wait_s=LONG_S)
    for one in [held, *waiting]:
        lease = one if isinstance(one, Lease) else await one
        await leases.release(lease.lease_id)
