"""More than an agent is lost: its worker, the service, livekit-server, the person's connection."""

import asyncio
import contextlib
import os
import signal
import time

import pytest

from tests.e2e.caller import Caller
from tests.e2e.test_failover import (
    GREETING,
    assert_same,
    check,
    house,
    in_call,
    is_dead,
    lines,
)
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

__all__ = ["house"]

AWAY_S = 20
TRIES = 8
STALE_S = 0.3  # what LiveKit's native queue still holds of an old sentence


async def test_the_whole_worker_is_lost_and_a_second_one_stands_by(house, voice, ears):
    async with in_call(house, "worker-lost", voice) as (caller, victim):
        await asyncio.to_thread(house.start, "worker2")
        house.kill("worker")
        killed = time.monotonic()
        successor, _ = await check(victim, victim.state())
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
        heard = await caller.transcript(ears, after=killed)
        assert GREETING not in heard.lower()
        assert "still there" in lines(successor.state())[-1][1].lower()
    house.kill("worker2")
    await asyncio.to_thread(house.start, "worker")


async def test_the_workers_parent_alone_is_lost(house, voice):
    async with in_call(house, "parent-lost", voice) as (caller, victim):
        await asyncio.to_thread(house.start, "worker2")
        os.kill(house.processes["worker"].pid, 9)
        await check(victim, victim.state())
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
    house.kill("worker2")
    house.kill("worker")
    await asyncio.to_thread(house.start, "worker")


async def test_the_service_is_down_at_the_moment_of_the_kill(house, voice):
    async with in_call(house, "service-lost", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        house.kill("service")
        victim.kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(house.start, "service")
        await check(victim, victim.state())
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
    await house.messages(victim.room["conversation_id"], count=5)


async def test_livekit_server_crashes_and_is_restarted(house, voice):
    async with in_call(house, "server-lost", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        before = victim.state()
        house.kill("livekit")
        await asyncio.to_thread(house.start, "livekit")
        await answered(caller)
        assert victim.session()["term"] == 1  # no second agent
        assert_same(before, victim.state())
        await until(lambda: metadata(house, "server-lost") == victim.room["conversation_id"])
        agents = [p for p in caller.room.remote_participants.values() if p.identity != "x"]
        assert len(agents) == 1


async def answered(caller: Caller) -> None:
    """Ask until there is an answer: media may come back a moment later."""
    for _ in range(TRIES):
        asked = await caller.say("Are you still there?")
        with contextlib.suppress(TimeoutError):
            await until(lambda: caller.sounded(after=asked), within_s=8)  # noqa: B023 - awaited here
            await caller.hear(after=asked)
            return
    raise AssertionError(f"no answer to {TRIES} questions: {caller.seen()}")


def metadata(house, name):
    return house.get(f"/rooms/{name}")["conversation_id"]


@pytest.mark.parametrize("part", ["keeper", "livekit"])  # the service: test_deaths.py
async def test_a_part_that_is_away_for_a_while_costs_no_agent_its_call(house, voice, part):
    """Frozen, not dead: longer than a lease, and than LiveKit takes to miss somebody. A keeper is
    killed and replaced meanwhile, by the agent."""
    async with in_call(house, f"away-{part}", voice) as (caller, victim):
        pid = house.keeper_pid() if part == "keeper" else house.processes[part].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(AWAY_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        assert part != "keeper" or house.keeper_pid() not in (None, pid)
        before = victim.state()
        await answered(caller)
        await asyncio.sleep(5)  # time enough to judge wrongly
        assert victim.session()["term"] == 1
        assert not is_dead(victim.pid)
        assert_same(before, victim.state())
    await house.shipped(victim.room)


async def test_a_person_leaves_and_comes_back(house, voice, ears):
    async with in_call(house, "left", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
    await asyncio.sleep(1)
    again = house.create_room("left", identity=victim.room["identity"])
    assert again["conversation_id"] == victim.room["conversation_id"]
    async with Caller.join(again["url"], again["token"], voice) as caller:
        joined = time.monotonic()
        asked = await caller.say("I am back.")
        await caller.hear(after=asked)
        heard = await caller.transcript(ears, after=joined)
    assert GREETING not in heard.lower()
    assert victim.session()["term"] == 1  # the agent had waited
    said = await house.messages(victim.room["conversation_id"], count=5)
    assert "back" in said[3]["content"].lower()


async def test_a_host_is_lost_with_all_that_ran_on_it(house, voice, ears):
    """Nobody is left to tell of it; LiveKit shows the agent for twenty seconds more."""
    async with in_call(house, "host-lost", voice) as (caller, victim):
        await asyncio.to_thread(house.start, "worker2")
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        await asyncio.sleep(3)
        house.kill_keeper()
        house.kill("worker")
        lost = time.monotonic()
        successor = await victim.successor()
        print(f"a lost host: {await caller.hear(after=lost + STALE_S) - lost:.1f} s of silence")
        assert_same(victim.state(), successor.state(f"{successor.pid}.restored"))
        assert victim.terms()[1]["cause"] == "host_lost"
        await until(lambda: "very glad" in str(lines(successor.state())))
    house.kill("worker2")
    await asyncio.to_thread(house.start, "worker")


async def test_a_suspended_host_comes_back_mute_and_leaves(house, voice, ears):
    """Agent and keeper are frozen together, so nobody can kill the agent before its successor
    speaks; thawed, it would go on with its old sentence."""
    async with in_call(house, "suspended", voice, stale_s=STALE_S) as (caller, victim):
        await asyncio.to_thread(house.start, "worker2")
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        keeper, old = house.keeper_pid(), victim.session()["agent_identity"]
        for pid in (keeper, victim.pid):
            os.kill(pid, signal.SIGSTOP)
        frozen = time.monotonic()
        await until(lambda: victim.session()["term"] == 2)
        thawed = time.monotonic()
        print(f"a suspended host: another agent after {thawed - frozen:.1f} s")
        for pid in (victim.pid, keeper):
            os.kill(pid, signal.SIGCONT)
        await until(lambda: is_dead(victim.pid))
        await until(lambda: [at for at, who in caller.voices if who != old])
        assert [at for at, who in caller.voices if who == old and at > thawed + STALE_S] == []
    house.kill("worker2")
