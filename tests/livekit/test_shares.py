"""What a call shares: the state of its room, its first person and all calls."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import ROOM, Job, QuietHost, Roomless, call_in
from unbroken import ArchiveUnavailable, Conflict, OldFence, StateOwner
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.journal.spool import Spool
from unbroken.live import held

__all__ = ["store"]


@pytest.fixture
def env():
    return QuietHost()


@pytest.fixture
def shared():
    return WatchedState(MemoryShared())


@pytest.fixture
def leases():
    return WaitedLeases(MemoryLeases())


@pytest.fixture
async def begun(env, tmp_path, store, shared, leases):
    """Starts the call of a room, and ends its job at the end."""
    jobs = []

    async def begin(room=ROOM, people=("ann",)):
        jobs.append(job := Job(room, people=people))
        job.job.room.sid = f"RM_{room}"
        spool = Spool.open(env, str(tmp_path / f"spool{len(jobs)}"))
        call = call_in(job, spool, store.archive, shared=shared, leases=leases)
        session = Roomless(llm=ScriptedLLM([("", "You said {heard}.")]))
        await call.start(session, agent=Agent(instructions="Be kind."))
        return call

    yield begin
    for job in jobs:
        await job.end()


async def test_a_call_has_three_states(begun):
    call = await begun()
    owners = [state.owner for state in (call.room, call.user, call.app)]
    assert owners == [
        StateOwner("room", ROOM),
        StateOwner("user", "ann"),
        StateOwner("app", "default"),
    ]
    assert call.room is call.room


async def test_a_users_state_goes_with_them_from_room_to_room(begun):
    first, other = await begun("one"), await begun("two")
    await first.user.set("likes", "tea")
    await first.room.set("table", 7)
    await other.user.ready()
    await other.room.ready()
    assert (other.user.get("likes"), other.room.get("table")) == ("tea", None)


async def test_nothing_is_opened_for_who_does_not_use_it(begun, shared):
    call = await begun()
    assert (call.room.owner.id, shared.feeds.watchers) == (ROOM, 0)
    await call.room.ready()
    assert shared.feeds.watchers == 1


async def test_the_states_are_closed_with_the_job(begun, shared):
    call = await begun()
    await call.room.ready()
    await call._ctx.end()
    async with asyncio.timeout(60):
        while shared.feeds.watchers:
            await asyncio.sleep(0)
    with pytest.raises(ArchiveUnavailable):
        call.room.get("table")


async def test_without_a_person_there_is_no_users_state(begun):
    call = await begun(people=())
    with pytest.raises(Conflict):
        _ = call.user


async def test_effects_are_done_under_the_locks_that_the_call_holds(begun):
    call = await begun()
    async with call.lock("menu") as lock:
        assert await held.confirm(call.live, "menu") == lock.fence
    with pytest.raises(OldFence):
        await held.confirm(call.live, "menu")
