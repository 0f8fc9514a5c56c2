"""What a call holds: locks that end with its agent, slots that go on with the call."""

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import ROOM, Job, QuietHost, Roomless, call_in, killed
from unbroken import CallTaken, Conflict, InvalidInput, LeaseLost, LimitReached, Locked
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.journal.spool import Spool

__all__ = ["store"]


@pytest.fixture
def env():
    return QuietHost()


@pytest.fixture
def spool(env, tmp_path):
    return Spool.open(env, str(tmp_path / "spool"))


@pytest.fixture
async def begun(spool, store):
    jobs = []

    async def begin(room=ROOM):
        jobs.append(job := Job(room))
        job.job.room.sid = f"RM_{room}"
        call = call_in(job, spool, store.archive, leases=WaitedLeases(store.leases))
        session = Roomless(llm=ScriptedLLM([("", "You said {heard}.")]))
        await call.start(session, agent=Agent(instructions="Be kind."))
        return call

    yield begin
    for job in jobs:
        await job.end()


async def test_two_calls_have_one_lock(begun, store):
    first, other = await begun("one"), await begun("two")
    async with first.lock("menu") as lock:
        (lease,) = await store.leases.list(limit=9)
        assert (lease.fence, lease.owner) == (lock.fence.number, "one/concierge")
        assert lease.session == (first.session_id, first.term)
        with pytest.raises(Locked):
            async with other.lock("menu", wait_s=0):
                raise AssertionError
    async with other.lock("menu") as lock:
        assert lock.fence.number > lease.fence


async def test_two_calls_have_one_limit(begun):
    first, other = await begun("one"), await begun("two")
    async with first.limit("calls", "ann", limit=1):
        with pytest.raises(LimitReached):
            async with other.limit("calls", "ann", limit=1):
                raise AssertionError
        async with other.limit("calls", "bob", limit=1):
            pass
    async with first.limit("sms", "ann", limit=1, per_s=600):
        pass
    with pytest.raises(LimitReached):
        async with other.limit("sms", "ann", limit=1, per_s=600):
            raise AssertionError


async def test_a_call_that_goes_on_keeps_its_slot_and_not_its_lock(begun, store, spool):
    first = await begun()
    lock, slot = first.lock("menu"), first.limit("calls", limit=1)
    await lock.__aenter__()
    await slot.__aenter__()
    lock._renewing.cancel()  # it is dead
    lock._timer.cancel()
    slot._renewing.cancel()
    await killed(spool, store.archive, first)
    other = await begun("other")
    async with other.lock("menu", wait_s=0):
        pass
    with pytest.raises(LimitReached):
        async with other.limit("calls", limit=1):
            raise AssertionError
    again = await begun()
    assert again.session_id == first.session_id
    async with again.limit("calls", limit=1):
        with pytest.raises(LimitReached):
            async with other.limit("calls", limit=1):
                raise AssertionError
    with pytest.raises(CallTaken):
        async with first.lock("menu", wait_s=0):
            raise AssertionError
    with pytest.raises(LeaseLost):
        await lock._renewed()


async def test_what_may_not_be_is_refused_before_it_is_asked(begun, spool, store):
    call = await begun()
    for refused in (
        lambda: call.lock(""),
        lambda: call.lock("a\n"),
        lambda: call.lock("menu", ttl_s=0.5),
        lambda: call.limit("calls", limit=0),
        lambda: call.limit("calls", "a\0", limit=1),
        lambda: call.limit("calls", limit=1, per_s=0),
        lambda: call.limit("calls", limit=1, ttl_s=301),
    ):
        with pytest.raises(InvalidInput):
            refused()
    for unfit in (
        call_in(Job("third"), spool, store.archive, leases=WaitedLeases(store.leases)),
        call_in(Job("third"), spool, store.archive),
    ):
        with pytest.raises(Conflict):
            unfit.lock("menu")
