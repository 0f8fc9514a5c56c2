"""What RPCs, timers and handlers of the application write while nobody speaks."""

import asyncio
import itertools
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from unbroken.livekit import hooks, pace
from unbroken.livekit.pace import Allowance

RULES = [("", "You said {heard}.")]
WAIT_S = 60


class Lamp(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="x")
        self.is_on = False


def holding(data: Any) -> AgentSession[Any]:
    return AgentSession(llm=ScriptedLLM(RULES), userdata=data)


@pytest.fixture
async def start(env, spool, monkeypatch):
    """A holder that looks often, after its first turn; all of a test are closed."""
    monkeypatch.setattr(hooks, "LOOK_S", 0.02)
    made: list[Holder] = []

    async def first(agent: Agent, data: Any) -> Holder:
        holder = await Holder.first(env, spool, agent, RULES, session=holding(data))
        made.append(holder)
        await holder.say("hi")
        return holder

    async def after(dead: Holder, agent: Agent, data: Any) -> Holder:
        made.append(await dead.successor(agent, session=holding(data)))
        return made[-1]

    first.after = after  # type: ignore[attr-defined]
    yield first
    for holder in made:
        await holder.close()


async def until(is_so: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():
            await asyncio.sleep(0.01)


def dies(holder: Holder) -> None:
    """From here on it writes nothing."""
    holder.hooks.scan = lambda: None  # type: ignore[method-assign]


async def test_what_a_handler_writes_between_two_turns_comes_back(start):
    data = {"cart": ["tea"]}
    one = await start(Lamp(), data)
    data["cart"].append("milk")
    one.agent.is_on = True
    await until(lambda: one.live.session.userdata == data)
    await until(lambda: one.live.session.attributes[one.key].value == {"is_on": True})
    dies(one)
    other = await start.after(one, Lamp(), here := {"cart": []})
    assert here == data
    assert other.agent.is_on
    assert other.report["userdata"] == other.report[f"attributes of {other.key}"] == "exact"


async def test_a_change_and_its_digest_are_in_the_log_together(start):
    one = await start(Lamp(), data := {"n": 0})
    data["n"] = 1
    await until(lambda: one.live.session.userdata == data)
    assert "userdata" not in one.live.session.differing


async def test_an_agent_that_waits_for_its_turn_is_looked_at_too(start):
    data = {"waits": (waits := Lamp())}
    one = await start(Lamp(), data)
    key = one.hooks.key_of(waits)
    waits.is_on = True
    await until(lambda: one.live.session.attributes[key].value == {"is_on": True})


async def test_nothing_is_written_where_nothing_changes(start):
    one = await start(Lamp(), {"cart": ["tea"]})
    written = one.live.journal.appended
    await asyncio.sleep(0.3)
    assert one.live.journal.appended == written


async def test_what_never_rests_is_written_now_and_then_and_at_each_turn(start, monkeypatch):
    one = await start(Lamp(), data := {"n": 0})
    clock = [0]
    monkeypatch.setattr(one.env, "boot_us", lambda: clock[0])
    one.hooks._beats = Allowance(one.env, at_once=20, every_us=10_000_000)

    def beat(times: int) -> int:
        before = [kind for kind, _ in one.entries()].count("userdata_changed")
        for _ in range(times):
            data["n"] += 1
            clock[0] += 500_000
            one.hooks._look()
        return [kind for kind, _ in one.entries()].count("userdata_changed") - before

    assert beat(7_200) <= 20 + 360
    assert one.live.session.userdata != data
    await one.say("hi")
    assert one.live.session.userdata == data


async def test_what_takes_long_to_read_is_read_for_a_hundredth_of_the_time(start, monkeypatch):
    one = await start(Lamp(), {"cart": ["tea"]})
    monkeypatch.setattr(pace, "FREE_US", pace.REST)
    clock = [0]
    monkeypatch.setattr(one.env, "boot_us", lambda: clock[0])
    reads: list[int] = []

    def slow() -> None:
        reads.append(clock[0])
        clock[0] += 50_000

    monkeypatch.setattr(one.hooks, "_scan_state", slow)
    for _ in range(60):
        one.hooks._look()
        clock[0] += 500_000
    gaps_us = [after - before for before, after in itertools.pairwise(reads[1:])]
    assert gaps_us
    assert min(gaps_us) >= 50_000 * hooks.BETWEEN_REST
