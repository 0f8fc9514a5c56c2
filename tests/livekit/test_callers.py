"""Whose call it is: a stranger in the room of somebody who has left is given nothing of it."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import CONVERSATION, Job, Person, QuietHost, Roomless, call_in, shipped
from unbroken import CallTaken
from unbroken.journal.spool import Spool
from unbroken.livekit import callers, joining

__all__ = ["store"]


@pytest.fixture
def spool(tmp_path):
    return Spool.open(QuietHost(), str(tmp_path / "spool"))


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(callers, "AWAY_S", 0.1)
    monkeypatch.setattr(callers, "BEAT_S", 0.01)


@pytest.fixture(autouse=True)
def however_busy(monkeypatch):
    monkeypatch.setattr(joining, "PATIENT_S", 60)


def in_room(*people, metadata=""):
    """A job in a room whose metadata names a conversation only where it is said."""
    job = Job(people=people, metadata=metadata)
    job.job.room.metadata = ""
    return job


async def started(job, spool, store):
    session = Roomless(llm=ScriptedLLM([]))
    call = call_in(job, spool, store.archive)
    return await call.start(session, agent=Agent(instructions=""))


def come(job, identity):
    who = job.room.remote_participants[identity] = Person(identity)
    job.room.emit("participant_connected", who)


def go(job, identity):
    who = job.room.remote_participants.pop(identity)
    who.disconnect_reason = 1
    job.room.emit("participant_disconnected", who)


async def made_way(job):
    async with asyncio.timeout(20):
        while not job.room.is_left:
            await asyncio.sleep(0.01)


async def stays(job):
    await asyncio.sleep(0.3)
    return not job.room.is_left


async def test_who_takes_the_room_of_somebody_who_left_gets_an_agent_of_their_own(spool, store):
    job = in_room("ann")
    call = await started(job, spool, store)
    go(job, "ann")
    come(job, "bob")
    await made_way(job)
    assert job.reasons == [callers.OTHERS]
    assert "bob" not in call.participant_states
    await job.end(callers.OTHERS)
    await shipped(spool, store.archive)
    session = await store.conversations.get_session(call.session_id)
    assert (session.phase, session.cause) == ("orphaned", "empty")


async def test_who_is_back_in_time_keeps_the_call(spool, store, monkeypatch):
    monkeypatch.setattr(callers, "AWAY_S", 60)
    job = in_room("ann")
    call = await started(job, spool, store)
    go(job, "ann")
    come(job, "bob")
    assert "bob" not in call.participant_states
    come(job, "ann")
    assert await stays(job)
    here = {name: p.is_here for name, p in call.participant_states.items()}
    assert here == {"ann": True, "bob": True}  # they are in company now
    await job.end()


async def test_company_belongs_to_the_call(spool, store):
    job = in_room("ann", "bob")
    await started(job, spool, store)
    go(job, "ann")
    come(job, "carol")  # bob is there
    go(job, "bob")
    assert await stays(job)
    await job.end()


async def test_the_first_who_comes_is_whom_the_call_is_for(spool, store):
    job = in_room()
    call = await started(job, spool, store)
    come(job, "bob")
    assert await stays(job)
    assert list(call.participant_states) == ["bob"]
    await job.end()


async def test_a_conversation_that_the_application_names_is_open_to_whoever_comes(spool, store):
    job = in_room("ann", metadata=f'{{"conversation_id": "{CONVERSATION}"}}')
    call = await started(job, spool, store)
    go(job, "ann")
    come(job, "bob")
    assert await stays(job)
    assert call.participant_states["bob"].is_here
    await job.end()


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_a_successor_goes_on_for_the_people_it_was_sent_for(spool, store, who):
    first = await started(in_room("ann"), spool, store)
    await first._ctx.end()
    await shipped(spool, store.archive)
    pointer = f'{{"unbroken": {{"session_id": "{first.session_id}", "after_term": 1}}}}'
    job = in_room(who, metadata=pointer)
    if who == "ann":
        second = await started(job, spool, store)
        assert (second.session_id, second.term) == (first.session_id, 2)
    else:
        with pytest.raises(CallTaken):
            await started(job, spool, store)
        await shipped(spool, store.archive)
        session = await store.conversations.get_session(first.session_id)
        assert (session.phase, session.cause) == ("orphaned", "empty")
    await job.end()


async def test_an_agent_that_comes_first_waits_to_see_whose_call_it_is(spool, store):
    first = await started(in_room("ann"), spool, store)
    await first._ctx.end()
    await shipped(spool, store.archive)
    job = in_room()
    job.job.room.sid = "RM_2"
    starting = asyncio.create_task(started(job, spool, store))
    await asyncio.sleep(0.1)
    assert not starting.done()
    come(job, "ann")
    second = await asyncio.wait_for(starting, 60)
    assert second.session_id == first.session_id
    await job.end()
