"""What its owner compares: who is in the room, and what agents were made with."""

import functools

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.holders import Holder
from tests.livekit.job import Job, QuietHost, Roomless, call_in, killed
from unbroken.journal.spool import Spool
from unbroken.log.session import Session

__all__ = ["store"]


class Waiter(Agent):
    def __init__(self, table=1, *, boss=None, kitchen=None, instructions="Serve."):
        super().__init__(instructions=instructions)
        self.known = table


class Kitchen:
    pass


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (lambda: Waiter(7), lambda: Waiter(7), "exact"),
        (lambda: Waiter(7), lambda: Waiter(8), "degraded: made with another table"),
        (lambda: Waiter(7), Waiter, "degraded: made with another table"),
        (lambda: Waiter(True), lambda: Waiter(1), "degraded: made with another table"),
        (
            lambda: Waiter(7, kitchen=Kitchen()),
            lambda: Waiter(7, kitchen=Kitchen()),
            "degraded: of this process: kitchen",
        ),
        (
            lambda: Waiter(7, instructions="Serve."),
            lambda: Waiter(7, instructions="Serve well."),
            "exact",
        ),
        (Waiter, Waiter, None),
    ],
)
async def test_what_an_agent_was_made_with_is_compared(env, spool, before, now, words):
    first = await Holder.first(env, spool, before())
    after = await first.successor(now())
    assert after.report.get("arguments of Waiter") == words
    await after.close()
    await first.close()


@pytest.fixture
def calls(tmp_path, store):
    """Calls of one room, by the people in it; each but the first goes on with the one before."""
    spool = Spool.open(QuietHost(), str(tmp_path / "spool"))

    async def start(job):
        call = call_in(job, spool, store.archive)
        await call.start(Roomless(llm=ScriptedLLM([])), agent=Agent(instructions=""))
        return call

    start.kill = functools.partial(killed, spool, store.archive)  # type: ignore[attr-defined]
    return start


def changed(people, **how):
    job = Job(people=people)
    for name, value in how.items():
        setattr(job.room.remote_participants["ann"], name, value)
    return job


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (lambda: changed(("ann", "bob")), "exact"),
        (lambda: changed(("ann",)), "degraded: bob: left meanwhile"),
        (lambda: changed(("ann", "bob"), name="Ann"), "degraded: ann: changed meanwhile"),
    ],
)
async def test_who_was_in_the_room_is_compared_with_who_is(calls, then, words):
    first = await calls(Job(people=("ann", "bob")))
    assert "participants" in first.live.session.digests
    assert not first.live.session.differing
    await calls.kill(first)
    second = await calls(then())
    assert second.restored.report["participants"] == words
    await calls.kill(second)


async def test_a_room_that_is_gone_says_nothing_of_who_was_in_it(calls):
    job = Job(people=("ann",))
    call = await calls(job)
    known = call.live.session.digests["participants"]
    job.room.is_left = True
    job.room.remote_participants.clear()
    call._hooks.scan()
    assert call.live.session.digests["participants"] == known
    await calls.kill(call)


def test_who_has_left_is_none_of_those_who_are_here():
    assert Session().folded("participants") == {}
