"""Three watchers over one PostgreSQL: none of them leads."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.service.livekit_stand_in import AGENT, PERSON, Rooms
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.service.first_agent import FirstAgent
from unbroken.service.locks import OneAtATime
from unbroken.service.opening import Opening
from unbroken.service.parts import ServiceParts
from unbroken.service.steadiness import Steadiness
from unbroken.service.watch.loop import WatchLoop
from unbroken.store.postgres import PostgresStore
from unbroken.testing.holders import LISTENED_S, Clock, Holder

WATCHERS, ORPHANS = 3, 12


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rooms(clock) -> Rooms:
    return Rooms(clock)


@pytest.fixture
async def watches(tmp_path, database, settings, clock, rooms):
    """Of services of their own, over one LiveKit."""
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(WATCHERS):
            store = await stack.enter_async_context(PostgresStore.open(database, blobs, clock))
            first = FirstAgent(store.waiting, rooms, clock, name="concierge", retry_s=1)
            alone = OneAtATime(store.locks, clock)
            opening = Opening(store.rooms, rooms, clock, first, alone)
            steadiness = Steadiness(clock)
            shared = (WatchedState(store.state), WaitedLeases(store.leases))
            rest = (opening, alone, steadiness, *shared)
            made.append(WatchLoop(ServiceParts(settings, clock, store, blobs, rooms, *rest)))
        clock.advance(LISTENED_S)
        yield made


async def step(watch) -> None:
    await watch.failover.step()
    while tasks := list(watch.failover._tasks.values()):
        await asyncio.wait(tasks)
        await asyncio.sleep(0)  # what is done is forgotten behind it


async def orphan(watch, rooms, name: str):
    rooms.open(name, PERSON, sid=f"RM_{name}")
    holder = Holder(watch._store.archive)
    taken = await holder.take(name)
    await holder.append(1, final="killed")
    return taken


async def test_an_orphan_is_served_by_one_of_all_watchers(watches, rooms):
    names = [f"room{n}" for n in range(ORPHANS)]
    for n, name in enumerate(names):
        await orphan(watches[n % WATCHERS], rooms, name)
    await asyncio.gather(*(step(watch) for watch in watches for _ in range(2)))
    assert sorted(agent for agent, _ in rooms.dispatched) == ["concierge"] * ORPHANS
    served = [said["unbroken"]["session_id"] for _, said in rooms.dispatched]
    assert len(set(served)) == ORPHANS


async def test_a_lost_host_is_judged_once(watches, rooms, clock):
    """All see it; one orphans its session, and one sends for a successor."""
    rooms.open("room", PERSON, AGENT, sid="RM_room")
    rooms.answer = False
    await Holder(watches[0]._store.archive).take("room", agent_identity=AGENT.identity)
    for watch in watches:
        watch._steadiness.pulse()
    clock.advance(LISTENED_S)
    for _ in range(2):
        await asyncio.gather(*(watch.rounds.round() for watch in watches))
    await asyncio.gather(*(step(watch) for watch in watches))
    assert len(rooms.dispatched) == 1
