"""An agent whose session is somebody else's leaves, whatever the application or LiveKit does."""

import asyncio

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in
from unbroken import CallTaken
from unbroken.journal.ack import ENDED, FENCED
from unbroken.livekit import call as agents
from unbroken.livekit import deposed

__all__ = ["store"]

HANG_S = 30


@pytest.fixture
def env():
    return QuietHost()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(deposed, "TELL_S", 0.05)


@pytest.fixture
def job():
    return Job()


@pytest.fixture
async def session():
    session = Roomless(llm=ScriptedLLM([]))
    yield session
    await session.aclose()


@pytest.fixture
async def call(job, spool, store, session):
    call = call_in(job, spool, store.archive)
    await call.start(session, agent=Agent(instructions="x"))
    yield call
    await job.end()


async def until(condition):
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.01)


def raises():
    raise RuntimeError("the application's own")


def cancels():
    raise asyncio.CancelledError


async def raises_later():
    await asyncio.sleep(0)
    raise RuntimeError("the application's own")


async def hangs():
    await asyncio.Event().wait()


async def keeps_hanging():
    while True:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            return


@pytest.mark.parametrize(
    "told",
    [raises, cancels, raises_later, hangs, keeps_hanging, lambda: 17, "not callable", lambda: None],
)
async def test_whatever_the_application_does_when_told(call, job, told):
    call.on_fenced(told)
    call.live.ack.flag(FENCED)
    await until(lambda: job.room.is_left)
    assert job.reasons == ["another agent has this session"]


@pytest.mark.parametrize("interrupt", [raises, hangs, lambda: 17])
async def test_whatever_livekit_does_when_it_shall_interrupt(call, job, session, interrupt):
    told = []
    call.on_fenced(lambda: told.append(1))
    session.interrupt = lambda **_force: interrupt()
    call.live.ack.flag(FENCED)
    await until(lambda: job.room.is_left)
    assert told == [1]
    assert job.reasons == ["another agent has this session"]


async def test_a_job_that_would_not_shut_down_is_out_of_the_room_all_the_same(call, job, caplog):
    job.shutdown_fails = True
    call.live.ack.flag(FENCED)
    await until(lambda: job.room.is_left)
    assert "the job would not shut down" in caplog.text


async def test_a_room_that_cannot_be_left_ends_the_job_all_the_same(call, job):
    job.room.leave = raises_later
    call.live.ack.flag(FENCED)
    await until(lambda: job.room.is_left)
    assert job.reasons == ["another agent has this session"]


async def test_the_application_is_told_once_and_may_answer_in_its_own_time(call, job):
    told = []

    async def tell():
        await asyncio.sleep(0)
        told.append(1)

    call.on_fenced(tell)
    call.live.ack.flag(FENCED)
    await until(lambda: job.room.is_left)
    assert told == [1]


async def test_a_session_that_is_over_is_left_without_a_word_to_the_application(call, job):
    told = []
    call.on_fenced(lambda: told.append(1))
    call.live.ack.flag(ENDED)
    await until(lambda: job.reasons)
    assert job.reasons == ["the session is over"]
    assert told == []


@pytest.mark.parametrize("name", ["unbroken fence", "unbroken tend"])
async def test_without_one_of_its_watchers_it_leaves(call, job, name):
    (task,) = [task for task in call._tasks if task.get_name() == name]
    task.cancel()
    await until(lambda: job.reasons)
    assert job.reasons == [f"{name} has stopped"]


async def test_an_error_while_watching_makes_it_leave(call, job, monkeypatch, caplog):
    def broken(_: object) -> bool:
        raise ValueError("the ack file is gone")

    monkeypatch.setattr(type(call.live), "is_fenced", property(broken))
    await until(lambda: job.reasons)
    assert "the ack file is gone" in caplog.text


async def test_an_error_of_the_beat_is_no_end_of_the_beat(job, spool, store, session, monkeypatch):
    tries = []

    async def broken(*_: object) -> None:
        tries.append(1)
        raise OSError("no more files")

    monkeypatch.setattr(agents, "tend", broken)
    call = call_in(job, spool, store.archive)
    await call.start(session, agent=Agent(instructions="x"))
    await until(lambda: len(tries) > 1)
    assert job.reasons == []
    await job.end()


async def test_a_start_that_is_overtaken_leaves_nothing_running(job, spool, store, session):
    """Its session was taken while LiveKit still prepared the room."""
    call = call_in(job, spool, store.archive)
    session.starting = hangs
    starting = asyncio.create_task(call.start(session, agent=Agent(instructions="x")))
    await until(lambda: call._live is not None)
    call.live.ack.flag(FENCED)
    with pytest.raises(CallTaken):
        await starting
    assert job.reasons == ["another agent has this session"]
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("unbroken")] == []
    await job.end()
