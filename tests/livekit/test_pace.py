"""What takes long to read is read for a small part of the time."""

import asyncio

import pytest
from livekit.agents import Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from unbroken.env import Host
from unbroken.livekit.pace import FREE_US, REST, Allowance, Pace
from unbroken.livekit.state import userdata

RULES = [("", "You said {heard}.")]


@pytest.fixture
def is_quick():
    """Here it counts how long reading takes."""


class Clock(Host):
    def __init__(self) -> None:
        super().__init__()
        self.us = 1

    def boot_us(self) -> int:
        return self.us


class Slow:
    """Work that takes the time that it is told."""

    def __init__(self, clock, pace):
        self.clock, self.pace = clock, pace
        self.takes_us = self.times = 0

    def __call__(self):
        self.times += 1
        self.clock.us += self.takes_us

    def run(self, **given):
        self.pace.run(self, **given)


def paced():
    clock = Clock()
    return Slow(clock, Pace(clock))


def test_what_is_quick_is_done_each_time():
    slow = paced()
    slow.takes_us = FREE_US
    for _ in range(5):
        slow.run()
    assert slow.times == 5
    assert not slow.pace.is_owed


def test_one_long_time_alone_changes_nothing():
    slow = paced()
    for takes_us in (0, 100 * FREE_US, 0, 0):
        slow.takes_us = takes_us
        slow.run()
    assert slow.times == 4


def test_what_takes_long_rests_and_is_owed_until_it_is_done():
    slow = paced()
    slow.takes_us = 2 * FREE_US
    slow.run()
    slow.run()
    slow.run()
    assert slow.times == 2
    assert slow.pace.is_owed
    slow.run(at_once=True)
    assert slow.times == 3
    assert not slow.pace.is_owed
    slow.run()
    assert slow.pace.is_owed
    slow.clock.us += 2 * FREE_US * REST
    slow.run()
    assert slow.times == 4
    assert not slow.pace.is_owed


def test_an_allowance_is_so_many_at_once_and_one_more_with_time():
    clock = Clock()
    allowance = Allowance(clock, at_once=3, every_us=1_000)
    taken = []
    for _ in range(100):
        clock.us += 100
        taken.append(allowance.is_left)
        if allowance.is_left:
            allowance.take()
    assert taken[:3] == [True] * 3
    assert sum(taken) == 3 + 10 - 1
    clock.us += 1_000_000
    assert allowance.is_left
    for _ in range(3):
        allowance.take()
    assert not allowance.is_left


async def test_userdata_that_takes_long_to_read_are_read_between_turns_and_at_the_end(
    env, spool, monkeypatch
):
    monkeypatch.setattr("unbroken.livekit.hooks.LOOK_S", 0.01)
    monkeypatch.setattr("unbroken.livekit.pace.FREE_US", 0)
    monkeypatch.setattr("unbroken.livekit.pace.REST", 1_000)
    data = {"n": 0}
    session = AgentSession(llm=ScriptedLLM(RULES), userdata=data)
    holder = await Holder.first(env, spool, Agent(instructions="x"), RULES, session=session)
    for _ in range(3):
        holder.hooks.scan()
    data["n"] = 1
    holder.hooks.scan()
    for _ in range(500):
        if holder.live.session.userdata == data:
            break
        await asyncio.sleep(0.01)
    assert holder.live.session.userdata == data == userdata.encode(data)
    data["n"] = 2
    await holder.session.aclose()
    assert holder.live.session.userdata == data
    await holder.live.close("left")
