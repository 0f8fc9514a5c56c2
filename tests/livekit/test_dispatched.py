"""What a job was told reaches the store with the first holder, and a successor understands ours."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in, shipped
from unbroken.dispatch import KEPT_BYTES_MAX, Pointer, Said, with_pointer
from unbroken.journal.spool import Spool

__all__ = ["store"]

SAID = [
    Said('{"customer": "c-17"}', {"tier": "gold"}),
    Said("customer 17"),
    Said(""),
]


@pytest.fixture
def spool(tmp_path):
    return Spool.open(QuietHost(), str(tmp_path / "spool"))


def job_told(said: Said) -> Job:
    job = Job(metadata=said.metadata)
    job.job.attributes.update(said.attributes)
    return job


async def one_call(spool, store, said):
    """A job from its start to its end, with its person still there; the session that waits."""
    job = job_told(said)
    call = call_in(job, spool, store.archive)
    session = Roomless(llm=ScriptedLLM([]))
    await call.start(session, agent=Agent(instructions=""))
    await asyncio.gather(session.aclose(), job.end())
    await shipped(spool, store.archive)
    (orphan,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=30)
    return orphan


@pytest.mark.parametrize("said", SAID)
async def test_the_store_learns_what_the_first_job_was_told(spool, store, said):
    first = await one_call(spool, store, said)
    assert first.said == said
    pointer = Pointer(first.session_id, first.term, first.call.conversation_id)
    second = await one_call(spool, store, with_pointer(said, pointer))
    assert (second.session_id, second.term, second.said) == (first.session_id, 2, said)


async def test_what_is_too_long_is_left_to_livekit(spool, store):
    orphan = await one_call(spool, store, Said("x" * (KEPT_BYTES_MAX + 1)))
    assert orphan.said is None
