"""The floor of a room: one role at a time speaks, and hands over what the next one has to know."""

import asyncio
from dataclasses import dataclass, field

import pytest

from unbroken.coordination import floor_holding
from unbroken.coordination.floor import Floor
from unbroken.coordination.floor_holding import FloorHolding
from unbroken.coordination.floor_said import FLOOR, KEY, lock_name
from unbroken.coordination.lease import LOCK, LeaseAsk, Pool, SessionTerm
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.scope import ROOM, StateOwner
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import MemoryState, WatchedState
from unbroken.env import Host
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    InvalidInput,
    LeaseLost,
    Locked,
    OldFence,
    TooLarge,
)

HANG_S = 60
ENV = Host()

pytestmark = pytest.mark.timeout(HANG_S)
OWNER = StateOwner(ROOM, "hall")


@dataclass
class Order:
    dishes: list[str] = field(default_factory=list)
    people: int = 0


class Wire(WaitedLeases):
    """Says what the test gives, in place of an answer."""

    error: Exception | None = None
    asked = 0

    async def grant(self, ask, *, wait_s=0.0):
        self.asked += 1
        if self.error:
            raise self.error
        return await super().grant(ask, wait_s=wait_s)

    async def renew(self, lease_id, *, ttl_us):
        if self.error:
            raise self.error
        return await super().renew(lease_id, ttl_us=ttl_us)


class House:
    """The service, in memory, and the agents at it."""

    def __init__(self):
        leases = MemoryLeases()
        self.wire = Wire(leases)
        self.shared = WatchedState(MemoryShared(leases=leases))
        self.sessions, self.agents, self.ttl_us = {}, [], 60_000_000

    def agent(self, role):
        """The next term of a role."""
        session_id, term = self.sessions.get(role, (ENV.new_id(), 0))
        self.sessions[role] = session_id, term + 1
        self.agents.append(agent := Agent(self, role, SessionTerm(session_id, term + 1)))
        return agent


class Agent:
    def __init__(self, house, role, session):
        self.room = MemoryState(OWNER, house.shared)
        self.held, self.cuts, self.plays = {}, 0, asyncio.Event()
        self.is_fenced = False
        self.plays.set()
        self.holding = FloorHolding(
            self.room,
            house.wire,
            ENV,
            role=role,
            ask=lambda: LeaseAsk(
                lease_id=ENV.new_id(),
                pool=Pool(LOCK, lock_name(OWNER.id)),
                ttl_us=house.ttl_us,
                session=session,
            ),
            held=self.held,
            silenced=self.cut,
            is_over=lambda: self.is_fenced,
        )
        self.floor = Floor(self.holding, self.played)
        self.following = asyncio.create_task(self.holding.follow())

    def cut(self):
        self.cuts += 1

    async def played(self):
        await self.plays.wait()

    def die(self):
        """As SIGKILL leaves it: nothing is released, and nothing renewed."""
        self.following.cancel()
        if lease := self.holding._lease:
            lease._renewing.cancel()
            lease._timer.cancel()

    async def end(self):
        self.following.cancel()
        await self.holding.aclose()


@pytest.fixture
async def house(monkeypatch):
    monkeypatch.setattr(floor_holding, "AGAIN_S", 0.01)
    built = House()
    looking = asyncio.create_task(built.wire.look())  # as the service does
    yield built
    looking.cancel()
    built.wire.error = None
    for agent in built.agents:
        await agent.end()


async def soon(condition):
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_one_has_the_floor_at_a_time(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    assert (one.floor.is_held, other.floor.is_held) == (True, False)
    with pytest.raises(Locked):
        await other.floor.take(wait_s=0)
    waiting = asyncio.create_task(other.floor.take())
    await one.floor.release()
    assert await waiting is other.floor
    assert (one.floor.is_held, other.floor.is_held) == (False, True)
    assert other.floor.fence.number > 0
    await soon(lambda: one.floor.holder == "supervisor")


async def test_within_async_with_it_is_held(house):
    one = house.agent("assistant")
    async with one.floor() as floor:
        assert floor.is_held
        assert await floor.take() is floor  # it is held already
        assert house.wire.asked == 1
    assert not one.floor.is_held
    await one.floor.release()  # once is enough


async def test_the_next_role_receives_a_typed_value(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    receiving = asyncio.create_task(other.floor.receive(Order))
    await one.floor.pass_to("supervisor", Order(["soup"], people=2))
    assert await receiving == Order(["soup"], people=2)
    assert (one.floor.is_held, other.floor.is_held) == (False, True)
    await other.floor.pass_to("assistant")
    assert await one.floor.receive(object) is None


async def test_nobody_comes_between_who_passes_it_and_the_next_role(house):
    one, third, other = (house.agent(r) for r in ("assistant", "barker", "supervisor"))
    await one.floor.take()
    barging = asyncio.create_task(third.floor.take())
    await asyncio.sleep(0.05)  # first in the line
    await one.floor.pass_to("supervisor", "all yours")
    await asyncio.sleep(0.05)  # the third one is granted the lock, and gives it back
    assert not barging.done()
    assert await other.floor.receive(str) == "all yours"
    await other.floor.release()
    await barging


async def test_whoever_it_is_passed_to_may_not_come(house, monkeypatch):
    monkeypatch.setattr(floor_holding, "CLAIM_S", 0.2)
    one, third = house.agent("assistant"), house.agent("barker")
    await one.floor.take()
    await one.floor.pass_to("supervisor", "all yours")
    with pytest.raises(Locked):
        await third.floor.take(wait_s=0.05)
    await third.floor.take()
    late = house.agent("supervisor")
    with pytest.raises(Locked):
        await late.floor.receive(str, wait_s=0.05)


async def test_a_successor_has_it_again_though_others_wait(house):
    dead, other = house.agent("assistant"), house.agent("supervisor")
    await dead.floor.take()
    waiting = asyncio.create_task(other.floor.take())
    await asyncio.sleep(0.05)
    dead.die()
    successor = house.agent("assistant")
    await successor.holding.resume()
    await soon(lambda: successor.floor.is_held)
    assert not waiting.done()
    await successor.floor.release()
    await waiting


async def test_a_successor_takes_nothing_that_its_role_had_not(house):
    first = house.agent("assistant")
    async with first.floor():
        pass
    successor = house.agent("assistant")
    await successor.holding.resume()
    assert not successor.floor.is_held
    assert house.wire.asked == 1


async def test_a_successor_receives_again_what_its_role_had_received(house):
    one, dead = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    await one.floor.pass_to("supervisor", Order(["soup"]))
    assert await dead.floor.receive(Order) == Order(["soup"])
    dead.die()
    successor = house.agent("supervisor")
    assert await successor.floor.receive(Order) == Order(["soup"])
    await successor.floor.release()
    third = house.agent("supervisor")
    with pytest.raises(Locked):
        await third.floor.receive(Order, wait_s=0.05)


async def test_who_received_it_waits_for_the_next_time(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    await one.floor.pass_to("supervisor", 1)
    assert await other.floor.receive(int) == 1
    again = asyncio.create_task(other.floor.receive(int))
    await asyncio.sleep(0.05)
    assert not again.done()
    await other.floor.pass_to("assistant", 2)
    assert await one.floor.receive(int) == 2
    await one.floor.pass_to("supervisor", 3)
    assert await again == 3


async def test_what_is_said_is_said_to_its_end_before_it_is_passed(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    one.plays.clear()
    passing = asyncio.create_task(one.floor.pass_to("supervisor"))
    await asyncio.sleep(0.05)
    assert (one.floor.is_held, passing.done()) == (True, False)
    one.plays.set()
    await passing
    await other.floor.receive(object)
    assert one.cuts == 0


async def test_only_a_value_is_passed_and_only_by_its_holder(house):
    one = house.agent("assistant")
    with pytest.raises(LeaseLost):
        await one.floor.pass_to("supervisor")
    await one.floor.take()
    with pytest.raises(InvalidInput):
        await one.floor.pass_to("supervisor", object())
    with pytest.raises(InvalidInput):
        await one.floor.pass_to("")
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidInput):
        await one.floor.pass_to("supervisor", deep)
    with pytest.raises(TooLarge):
        await one.floor.pass_to("supervisor", "x" * 300_000)
    assert one.floor.is_held


async def test_who_is_passed_something_else_does_not_take_the_floor(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    await one.floor.pass_to("supervisor", [1])
    for refusal in (InvalidInput, Locked):  # once
        with pytest.raises(refusal):
            await other.floor.receive(Order, wait_s=0.2)
    assert not other.floor.is_held


async def test_who_loses_it_is_cut_and_has_it_again_if_nobody_took_it(house):
    house.ttl_us = 1_000_000
    one = house.agent("assistant")
    await one.floor.take()
    house.wire.error = ArchiveUnavailable("away")
    await soon(lambda: one.cuts)
    assert (one.floor.is_held, one.held) == (False, {})
    house.wire.error = None
    await soon(lambda: one.floor.is_held)
    assert one.held == {FLOOR: one.holding._lease}


async def test_who_loses_it_to_another_is_silent_as_soon_as_that_is_known(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    fence = one.floor.fence
    await house.wire.release(one.holding._lease._ask.lease_id)  # the service misses its agent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floor_holding, "CLAIM_S", 0.1)
        await other.floor.take()
    await soon(lambda: one.cuts)
    await soon(one.holding._regaining.done)
    assert (one.floor.is_held, other.floor.is_held) == (False, True)
    with pytest.raises(LeaseLost):
        _ = one.floor.fence
    with pytest.raises(OldFence):
        await one.floor.confirm()
    await other.room.set("order", "soup", fence=other.floor.fence)
    with pytest.raises(OldFence):
        await one.room.set("order", "cake", fence=fence)


async def test_the_floor_is_a_lock_for_effects(house):
    one = house.agent("assistant")
    async with one.floor() as floor:
        assert await one.held[FLOOR].confirm() == floor.fence == await floor.confirm()
    assert one.held == {}


async def test_an_outage_is_waited_for(house):
    one = house.agent("assistant")
    house.wire.error = ArchiveUnavailable("away")
    with pytest.raises(ArchiveUnavailable):
        await one.floor.take(wait_s=0.05)
    taking = asyncio.create_task(one.floor.take())
    await soon(lambda: house.wire.asked > 5)
    house.wire.error = None
    await taking


async def test_a_term_that_is_over_takes_it_no_more(house):
    one = house.agent("assistant")
    await one.floor.take()
    house.wire.error = CallTaken("term 1 is over")
    one.is_fenced = True
    one.holding._lease._lose(None)
    await soon(one.holding._regaining.done)
    with pytest.raises(CallTaken):
        await one.floor.take()


async def test_what_anybody_writes_in_its_place_says_nothing(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    for value in ([1], "x", {"role": 7}, {"passed": "yes"}, None):
        await one.room.set(KEY, value)
        async with other.floor():
            await soon(lambda: one.floor.holder == "supervisor")
        await soon(lambda: one.floor.holder is None)
    await one.room.set(f"{KEY}.more", {"role": "supervisor"})
    await one.room.delete(KEY)
    await one.floor.take()


async def test_who_is_cancelled_while_waiting_has_nothing(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    waiting = asyncio.create_task(other.floor.take())
    await asyncio.sleep(0.05)
    waiting.cancel()
    await one.floor.release()
    async with one.floor(wait_s=HANG_S):
        assert not other.floor.is_held


def test_the_lock_of_a_room_has_a_name_that_may_be():
    names = [lock_name(room) for room in ("hall", "x" * 256, "y" * 256, "a\nb")]
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 256
    assert names[0] == "floor of hall"
