"""Three watchers over one PostgreSQL: none of them leads."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.service.livekit_stand_in import AGENT, PERSON, Rooms
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.errors import RoomServerUnavailable
from unbroken.service.first_agent import FirstAgent
from unbroken.service.locks import OneAtATime
from unbroken.service.opening import Opening
from unbroken.service.parts import ServiceParts
from unbroken.service.steadiness import Steadiness
from unbroken.service.watch.loop import PULSE_S, WatchLoop
from unbroken.store.postgres import PostgresStore
from unbroken.store.records import Round
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
    for n in range(2):
        await asyncio.gather(*(watch.rounds.round(Round(n)) for watch in watches))
    await asyncio.gather(*(step(watch) for watch in watches))
    assert len(rooms.dispatched) == 1


@pytest.fixture
async def begun(watches, rooms, monkeypatch):
    """The rounds of a call, with the number of the watch that had them."""
    await orphan(watches[0], rooms, "room")
    had: list[tuple[int, Round]] = []

    def noted(number):
        async def round_(this):
            had.append((number, this))

        return round_

    for number, watch in enumerate(watches):
        monkeypatch.setattr(watch.rounds, "round", noted(number))
    return had


async def test_a_round_is_had_by_one_of_all_watchers(watches, begun, clock):
    for _ in range(4):
        clock.advance(PULSE_S)
        await asyncio.gather(*(watch.look() for watch in watches))
    assert [this.number for _, this in begun] == [1, 2, 3, 4]


async def test_the_next_round_does_not_wait_for_a_watcher_that_is_gone(watches, begun, clock):
    for gone in range(WATCHERS):
        clock.advance(PULSE_S)
        for watch in watches[gone:]:
            await watch.look()
    assert [number for number, _ in begun] == [0, 1, 2]


async def test_who_cannot_reach_livekit_gives_way(watches, begun, clock, monkeypatch):
    async def away(_):
        raise RoomServerUnavailable

    cut_off, other, _ = watches
    monkeypatch.setattr(cut_off.rounds, "round", away)
    clock.advance(PULSE_S)
    with pytest.raises(RoomServerUnavailable):
        await cut_off.look()
    for _ in range(3):
        clock.advance(PULSE_S)
        await cut_off.look()
        await other.look()
    assert begun == [(1, Round(n, is_unsure=True)) for n in (2, 3, 4)]
    clock.advance(2 * PULSE_S)
    with pytest.raises(RoomServerUnavailable):  # nobody else looks
        await cut_off.look()
