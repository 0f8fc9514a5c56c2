"""An agent leaves in order: what becomes of its call depends on why, and on who is there."""

import asyncio
import os
import signal
import time

import pytest
from livekit import rtc

from tests.e2e.caller import Caller
from tests.e2e.test_failover import (
    GREETING,
    Victim,
    assert_same,
    check,
    house,
    in_call,
    lines,
)
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

__all__ = ["house"]


def people_in(caller: Caller) -> dict:
    """Who came back, under a new identity."""
    me = caller.room.local_participant
    return {me.identity: [me.name, dict(me.attributes), me.metadata]}


async def ended(victim: Victim) -> dict:
    await until(lambda: victim.session()["phase"] == "ended")
    return victim.session()


async def test_an_ended_call_is_not_continued(house, voice):
    async with in_call(house, "ends", voice) as (caller, victim):
        (victim.states / "ends.end").touch()
        session = await ended(victim)
        assert session["end_reason"] == "said goodbye"
        gone = asyncio.get_running_loop().time()
        await until(lambda: not caller.room.remote_participants)
        await asyncio.sleep(2)
        assert not caller.room.remote_participants  # nobody was sent
        assert gone
    assert len(victim.terms()) == 1


async def test_an_exception_in_the_entrypoint_costs_no_call(house, voice):
    async with in_call(house, "raises", voice) as (caller, victim):
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        await asyncio.sleep(3)
        (victim.states / "raises.raise").touch()
        successor = await victim.successor()
        assert_same(victim.state(), successor.state(f"{successor.pid}.restored"))
        assert victim.terms()[1]["cause"] == "entrypoint_failed"
        await until(lambda: "very glad" in str(lines(successor.state())))


async def test_a_lost_provider_gets_one_more_try_and_then_the_caller_is_sent_out(house, voice):
    async with in_call(house, "provider", voice) as (caller, victim):
        reasons = []
        caller.room.on("disconnected", reasons.append)
        await caller.say("Everything is broken.")
        await until(lambda: len(victim.terms()) == 2)
        assert victim.terms()[1]["cause"] == "provider_lost"
        await until(lambda: victim.session()["phase"] == "ended")  # it answers, and fails as well
        assert victim.session()["end_reason"] == "gave_up"
        await until(lambda: reasons)
        assert reasons == [rtc.DisconnectReason.ROOM_DELETED]


async def test_a_worker_that_is_drained_leaves_its_calls_to_others(house, voice, ears):
    async with in_call(house, "drained", voice) as (caller, victim):
        await asyncio.to_thread(house.start, "worker2")
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        await asyncio.sleep(3)
        os.kill(house.processes["worker"].pid, signal.SIGTERM)
        drained = time.monotonic()
        successor = await victim.successor()
        assert assert_same(victim.state(), successor.state(f"{successor.pid}.restored")) == []
        assert victim.terms()[1]["cause"] == "left"
        await caller.hear(after=drained + 0.5, quiet_s=2.0)
        heard = (await caller.transcript(ears, after=drained + 0.5)).lower()
    assert GREETING not in heard
    assert "glad" in heard  # it came to the end of its story
    house.kill("worker2")
    house.kill("worker")
    await asyncio.to_thread(house.start, "worker")


async def test_who_hung_up_finds_the_conversation_again(house, voice, ears):
    """The agent has left with the room; another one goes on when the person is back."""
    async with in_call(house, "hung-up", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        before = victim.state()
    await until(lambda: victim.session()["phase"] == "orphaned")  # when LiveKit closes the room
    assert victim.session()["cause"] == "empty"
    again = house.create_room("hung-up", conversation_id=victim.room["conversation_id"])
    async with Caller.join(again["url"], again["token"], voice) as caller:
        joined = time.monotonic()
        _, new = await check(victim, before | {"people": people_in(caller)})
        assert new == []
        asked = await caller.say("I am back.")
        await caller.hear(after=asked)
        heard = await caller.transcript(ears, after=joined)
    assert GREETING not in heard.lower()
    assert "back" in heard.lower()


async def test_a_session_that_closes_with_its_person_goes_on_when_they_are_back(house, voice):
    async with in_call(house, "closes", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        before = victim.state()
    await until(lambda: victim.session()["cause"] == "empty")  # long before the room is closed
    again = house.create_room("closes", identity=victim.room["identity"])
    async with Caller.join(again["url"], again["token"], voice) as caller:
        _, new = await check(victim, before | {"people": people_in(caller)})
        assert new == []
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)


async def test_an_orderly_stop_of_livekit_ends_the_call_until_its_people_are_back(house, voice):
    async with in_call(house, "stopped", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        before = victim.state()
        for _ in range(2):  # the first one waits until all rooms are empty
            house.signal("livekit", signal.SIGTERM)
            await asyncio.sleep(0.5)
        await until(lambda: victim.session()["phase"] == "orphaned")
        # LiveKit may be gone before its last message to the agent is out: then only the person
        # was seen to leave. Both wait for people, and nobody is sent for.
        assert victim.session()["cause"] in ("server_shutdown", "empty")
        house.kill("livekit")
    await asyncio.to_thread(house.start, "livekit")
    again = house.create_room("stopped", conversation_id=victim.room["conversation_id"])
    async with Caller.join(again["url"], again["token"], voice) as caller:
        _, new = await check(victim, before | {"people": people_in(caller)})
        assert new == []
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
