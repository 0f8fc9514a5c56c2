"""What is held within `async with`: in memory, and of a service in a process of its own."""

import asyncio

import pytest

from unbroken.coordination import holding
from unbroken.coordination.holding import Lock, Slot, WindowPlace, end_releases
from unbroken.coordination.lease import LOCK, SLOT, LeaseAsk, Pool
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.rate import window
from unbroken.coordination.remote_leases import RemoteLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.env import Host
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    LeaseLost,
    LimitReached,
    Locked,
)
from unbroken.testing.holders import Clock

HANG_S = 120
ENV = Host()


@pytest.fixture(params=["memory", "service"])
async def wire(request):
    if request.param == "memory":
        yield WaitedLeases(MemoryLeases())
        return
    remote = RemoteLeases(request.getfixturevalue("url"), ENV)
    yield remote
    await remote.aclose()


@pytest.fixture
def name():
    return f"door {ENV.new_id()}"


def ask(kind, name, *, ttl_s=60, limit=1, key=""):
    pool = Pool(kind, name, key)
    return LeaseAsk(lease_id=ENV.new_id(), pool=pool, limit=limit, ttl_us=int(ttl_s * 1e6))


def lock(wire, name, *, env=ENV, wait_s=0.0, **more):
    return Lock(wire, env, ask(LOCK, name, **more), wait_s=wait_s)


def slot(wire, name, *, wait_s=0.0, **more):
    return Slot(wire, ENV, ask(SLOT, name, **more), wait_s=wait_s)


async def test_a_lock_is_one_holders_at_a_time(wire, name):
    async with lock(wire, name) as first:
        assert (first.fence.lock, first.name) == (name, name)
        with pytest.raises(Locked) as refused:
            async with lock(wire, name):
                raise AssertionError
        assert 0 < refused.value.retry_s <= 60
    async with lock(wire, name) as second:
        assert second.fence.number > first._number


async def test_who_waits_has_it_when_it_is_released(wire, name):
    order = []

    async def one(n):
        async with lock(wire, name, wait_s=None):
            order.append(n)
            await asyncio.sleep(0)
            order.append(n)

    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*(one(n) for n in range(5)))
    assert [a == b for a, b in zip(order[::2], order[1::2], strict=True)] == [True] * 5


async def test_slots_are_as_many_as_the_limit(wire, name):
    async with slot(wire, name, limit=2), slot(wire, name, limit=2):
        with pytest.raises(LimitReached):
            async with slot(wire, name, limit=2):
                raise AssertionError
        async with slot(wire, name, limit=1, key="ann"):
            pass
    async with slot(wire, name, limit=1):
        pass


async def test_a_window_admits_so_many(wire, name):
    asked = window(name, "ann", limit=2, per_s=600)
    for _ in range(2):
        async with WindowPlace(wire, asked, wait_s=0):
            pass
    with pytest.raises(LimitReached) as refused:
        async with WindowPlace(wire, asked, wait_s=1):
            raise AssertionError
    assert 500 < refused.value.retry_s <= 600


async def test_who_waits_for_a_window_is_admitted(wire, name):
    asked = window(name, "ann", limit=1, per_s=0.05)
    async with asyncio.timeout(HANG_S):
        for _ in range(3):
            async with WindowPlace(wire, asked, wait_s=None):
                pass


async def test_what_raises_within_it_releases_it(wire, name):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with lock(wire, name):
                raise ZeroDivisionError


async def test_who_is_cancelled_while_waiting_has_nothing(wire, name):
    async def wait():
        async with lock(wire, name, wait_s=None):
            raise AssertionError

    async with lock(wire, name):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with lock(wire, name, wait_s=HANG_S):  # who has gone is out of the line soon
        pass


async def test_it_is_for_one_time(wire, name):
    once = lock(wire, name)
    async with once:
        with pytest.raises(Conflict):
            async with once:
                raise AssertionError


async def test_what_may_not_be_is_refused_by_the_service(url, name):
    wire = RemoteLeases(url, ENV)
    with pytest.raises(InvalidInput):
        async with Lock(wire, ENV, ask(LOCK, name, ttl_s=0.1)):
            raise AssertionError
    await wire.aclose()


# A wire that does what the test says.


class Wire(WaitedLeases):
    """Renewals fail with what the test gives."""

    def __init__(self, clock=None):
        super().__init__(MemoryLeases(clock))
        self.error, self.renewals, self.releases = None, 0, 0

    async def renew(self, lease_id, *, ttl_us):
        self.renewals += 1
        if self.error:
            raise self.error
        return await super().renew(lease_id, ttl_us=ttl_us)

    async def release(self, lease_id):
        self.releases += 1
        if self.error:
            raise self.error
        return await super().release(lease_id)


async def test_what_is_done_within_a_lock_ends_when_it_is_lost(name):
    wire = Wire()
    with pytest.raises(LeaseLost):
        async with lock(wire, name, ttl_s=1) as held:
            wire.error = LeaseLost("another has it")
            await asyncio.sleep(HANG_S)
    assert wire.renewals == 1
    with pytest.raises(LeaseLost):
        _ = held.fence
    assert asyncio.current_task().cancelling() == 0


async def test_a_lock_is_lost_when_nobody_can_renew_it_in_time(name):
    wire = Wire()
    with pytest.raises(LeaseLost):
        async with lock(wire, name, ttl_s=1):
            wire.error = ArchiveUnavailable("away")
            await asyncio.sleep(HANG_S)
    assert wire.renewals > 1


async def test_a_lock_is_held_for_longer_than_its_time(name):
    wire = Wire()
    async with asyncio.timeout(HANG_S), lock(wire, name, ttl_s=1):
        while wire.renewals < 4:
            await asyncio.sleep(0.01)


async def test_who_is_cancelled_is_cancelled_also_when_the_lock_is_lost(name):
    wire, inside = Wire(), asyncio.Event()

    async def hold():
        async with lock(wire, name, ttl_s=60) as held:
            inside.set()
            try:
                await asyncio.sleep(HANG_S)
            finally:
                held._lose(None)

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_lock_that_was_left_is_not_lost_later(name):
    wire, asked, may_answer = Wire(), asyncio.Event(), asyncio.Event()
    renew = wire.renew

    async def slow(lease_id, *, ttl_us):
        done = await renew(lease_id, ttl_us=ttl_us)
        asked.set()
        await may_answer.wait()
        return done

    wire.renew = slow
    async with lock(wire, name) as held:
        confirming = asyncio.create_task(held.confirm())
        await asked.wait()
    may_answer.set()
    await asyncio.wait({confirming})
    assert held._timer.cancelled()  # else it cancels this task in a minute


async def test_a_fence_is_none_any_more_when_the_time_is_over(name):
    clock = Clock()
    async with lock(Wire(clock), name, env=clock) as held:
        assert held.fence.number
        clock.advance(61)  # as who stood still
        with pytest.raises(LeaseLost):
            _ = held.fence


async def test_what_was_granted_after_a_wait_is_renewed_before_it_counts(name):
    clock = Clock()

    class Slow(Wire):
        async def grant(self, ask, *, wait_s=0.0):
            answer = await super().grant(ask, wait_s=wait_s)
            clock.advance(25)
            return answer

    wire = Slow(clock)
    async with lock(wire, name, env=clock) as held:
        assert wire.renewals == 1
        clock.advance(40)
        assert held.fence.number


async def test_what_is_done_within_a_slot_goes_on(name, caplog):
    wire, asked = Wire(), []

    async def refuse(ask, *, wait_s=0.0):
        asked.append(ask)
        raise (ArchiveUnavailable("away"), LimitReached("full"))[len(asked) % 2]

    async with slot(wire, name, ttl_s=1):
        wire.grant = refuse
        async with asyncio.timeout(HANG_S):
            while len(asked) < 4:
                await asyncio.sleep(0.01)
    assert "lost" in caplog.text


async def test_nobody_waits_for_a_release_that_does_not_come(name):
    wire = Wire()
    async with asyncio.timeout(HANG_S):
        async with lock(wire, name):
            wire.error = ArchiveUnavailable("away")
    assert wire.releases >= 1
    await end_releases(wire)


async def test_a_release_that_is_lost_is_asked_for_again(name):
    wire = Wire()
    async with asyncio.timeout(HANG_S):
        async with lock(wire, name, ttl_s=300):
            wire.error = ArchiveUnavailable("away")
        assert await wire.kept.list(limit=1)
        wire.error = None
        async with lock(wire, name, wait_s=None):
            pass


async def test_a_release_is_asked_for_until_its_call_or_its_time_is_over(name, monkeypatch):
    monkeypatch.setattr(holding, "RELEASE_AGAIN_S", 0.01)
    wire = Wire()
    wire.error = ArchiveUnavailable("away")
    with_call = holding.release_soon(wire, ask(LOCK, name, ttl_s=300))
    with_time = holding.release_soon(wire, ask(LOCK, name, ttl_s=1))
    async with asyncio.timeout(HANG_S):
        await with_time
        assert not with_call.done()
        await end_releases(wire)
        assert (with_call.cancelled(), with_call in holding._releasing) == (True, False)
    monkeypatch.setattr(holding, "RELEASING_MAX", 0)
    wire.error = ArchiveUnavailable("away")
    async with asyncio.timeout(HANG_S):
        await holding.release_soon(wire, ask(LOCK, name, ttl_s=300))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"id":1}', b"\xff", b"[" * 9_999])
async def test_an_answer_in_another_form_decides_nothing(content, name, monkeypatch):
    async def answer(*_given, **_more):
        return 200, content

    monkeypatch.setattr("unbroken.coordination.remote.ask", answer)
    wire = RemoteLeases("http://127.0.0.1:9", ENV)
    with pytest.raises(ArchiveUnavailable):
        await wire.grant(ask(LOCK, name))


async def test_a_service_that_is_away_is_said_so(name):
    wire = RemoteLeases("http://127.0.0.1:9", ENV)  # the discard port: nobody listens
    for asked in (
        wire.grant(ask(LOCK, name)),
        wire.renew(ENV.new_id(), ttl_us=1_000_000),
        wire.admit(window(name, "", limit=1, per_s=1)),
    ):
        with pytest.raises(ArchiveUnavailable):
            await asked
    await wire.aclose()
