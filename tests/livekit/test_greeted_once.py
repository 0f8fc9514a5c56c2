"""Who was greeted is not greeted again; whose first agent was gone before it said a word is."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in, shipped
from unbroken.journal.spool import Spool

__all__ = ["store"]


class Greeter(Agent):
    not_durable = True  # what it counts, it counts in its own process

    def __init__(self, *, speaks: bool) -> None:
        super().__init__(instructions="")
        self.speaks, self.entered = speaks, 0

    async def on_enter(self) -> None:
        self.entered += 1
        if self.speaks:
            self.session.say("Hello.")


@pytest.fixture
def spool(tmp_path):
    return Spool.open(QuietHost(), str(tmp_path / "spool"))


async def one_call(spool, store, agent):
    """A job whose person stays, to its end; whether it greeted."""
    job = Job()
    session = Roomless(llm=ScriptedLLM([]))
    call = await call_in(job, spool, store.archive).start(session, agent=agent)
    while agent.speaks and not call.message_count:
        await asyncio.sleep(0.01)
    agent.is_new = call.is_new
    await asyncio.gather(session.aclose(), job.end())
    await shipped(spool, store.archive)
    return agent.entered


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_successor_greets_only_who_was_not_greeted(spool, store, speaks):
    assert await one_call(spool, store, Greeter(speaks=speaks)) == 1
    successor = Greeter(speaks=True)
    assert await one_call(spool, store, successor) == (0 if speaks else 1)
    assert successor.is_new is not speaks  # for an entrypoint that greets
