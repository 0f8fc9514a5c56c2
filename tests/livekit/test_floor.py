"""Of the agents in a room that use the floor only who has it is heard, and in the log."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in, killed
from tests.livekit.speaking import Speaker, Voice, said, until
from unbroken import Conflict, InvalidInput
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.journal.spool import Spool
from unbroken.live import held

__all__ = ["store"]

pytestmark = pytest.mark.timeout(120)

SOUP = "One soup, is that right?"


@pytest.fixture
def env():
    return QuietHost()


class House:
    """A service in memory, and agents that have a voice and share one room."""

    def __init__(self, env, tmp_path, archive):
        leases = MemoryLeases()
        self.env, self.tmp_path, self.archive = env, tmp_path, archive
        self.given = {
            "shared": WatchedState(MemoryShared(leases=leases)),
            "leases": WaitedLeases(leases),
        }
        self.jobs = []

    async def agent(self, role, *, floor=True):
        self.jobs.append(job := Job())
        spool = Spool.open(self.env, str(self.tmp_path / f"spool {len(self.jobs)}"))
        call = call_in(job, spool, self.archive, role=role, floor=floor, **self.given)
        session = Roomless(llm=ScriptedLLM([("", "You said {heard}.")]), tts=Voice())
        call.speaker = session.output.audio = Speaker()
        call.session, call.spool = session, spool
        await call.start(session, agent=Agent(instructions=role))
        return call


@pytest.fixture
async def house(env, tmp_path, store):
    built = House(env, tmp_path, store.archive)
    yield built
    for job in built.jobs:
        await job.end()


def logged(call):
    return [(m.role, m.content) for m in call.conversation_history]


async def heard(call, text):
    """Say it, and let it be heard to its end."""
    saying = call.session.say(text)
    await call.speaker.is_playing.wait()
    await call.speaker.finish()
    await saying


async def test_who_has_not_the_floor_is_silent_and_nothing_is_logged_as_said(house):
    call = await house.agent("supervisor")
    saying = call.session.say("I am the supervisor.")
    async with asyncio.timeout(10):
        await saying
    assert saying.interrupted
    assert not call.speaker.is_playing.is_set()
    assert (said(call.session), logged(call)) == ([], [])
    async with call.floor():
        await heard(call, SOUP)
    assert logged(call) == [("assistant", SOUP)]


async def test_who_does_not_use_the_floor_speaks_as_ever(house):
    with_floor = await house.agent("assistant")
    await with_floor.floor.take()
    call = await house.agent("supervisor", floor=False)
    await heard(call, SOUP)
    assert logged(call) == [("assistant", SOUP)]
    with pytest.raises(Conflict):
        _ = call.floor


async def test_the_floor_is_passed_when_what_is_said_was_heard(house):
    one, other = await house.agent("assistant"), await house.agent("supervisor")
    await one.floor.take()
    one.session.say(SOUP)
    await one.speaker.is_playing.wait()
    passing = asyncio.create_task(one.floor.pass_to("supervisor", {"soup": 1}))
    receiving = asyncio.create_task(other.floor.receive(dict))
    await asyncio.sleep(0.05)
    assert not passing.done()
    await one.speaker.finish()
    assert await receiving == {"soup": 1}
    await passing
    await until(lambda: logged(one) == [("assistant", SOUP)], "logged whole")


async def test_who_loses_the_floor_in_mid_sentence_is_cut(house):
    call = await house.agent("assistant")
    await call.floor.take()
    saying = call.session.say(SOUP)
    await call.speaker.is_playing.wait()
    call._holding._lease._lose(None)
    await saying
    assert saying.interrupted
    assert not call.speaker.is_playing.is_set()


async def test_an_effect_may_need_the_floor(house):
    call = await house.agent("assistant")
    async with call.floor() as floor:
        assert await held.confirm(call.live, "floor") == floor.fence
    with pytest.raises(InvalidInput):
        call.lock("floor")


async def test_a_successor_has_the_floor_before_it_says_a_word(house):
    call = await house.agent("assistant")
    await call.floor.take()
    await heard(call, SOUP)
    call._holding._lease._renewing.cancel()
    call._holding._lease._timer.cancel()
    await killed(call.spool, house.archive, call)
    successor = await house.agent("assistant")
    assert successor.restored
    assert successor.floor.is_held
    await heard(successor, "A roll, too?")
    assert logged(successor) == [("assistant", SOUP), ("assistant", "A roll, too?")]


async def test_the_floor_is_free_when_the_job_has_ended(house):
    one, other = await house.agent("assistant"), await house.agent("supervisor")
    await one.floor.take()
    await one.floor.release()
    await other.floor.take()
    await other._ctx.end()
    assert not await house.given["leases"].kept.list(limit=10)
