"""A start that fails leaves nothing running and nothing owned, and says what was wrong."""

import asyncio

import httpx
import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.agent_activity import AgentActivity

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import ROOM, Job, QuietHost, Roomless, call_in, shipped
from unbroken import CallTaken
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    JournalUnwritable,
    NotFound,
    StateRefused,
    Unauthorized,
    UnbrokenError,
)
from unbroken.live.live import by_agent_session, by_room
from unbroken.livekit import joining, starting

__all__ = ["store"]


@pytest.fixture
def env():
    return QuietHost()


def new_session():
    return Roomless(llm=ScriptedLLM([("", "You said {heard}.")]))


class Archive:
    """A store of which one request fails or hangs."""

    def __init__(self, archive, *, error=None, hangs=False, behind=False):
        self._archive, self._error, self._hangs, self._behind = archive, error, hangs, behind

    async def take(self, request):
        taken = await self._archive.take(request) if self._behind else None
        if self._hangs:
            await asyncio.Event().wait()
        if self._error:
            raise self._error
        return taken or await self._archive.take(request)

    def __getattr__(self, name):
        return getattr(self._archive, name)


async def fails():
    raise rtc.ConnectError("no such room")


async def hangs():
    await asyncio.Event().wait()


async def session_of(store, room=ROOM):
    return await store.watch.list_waiting([room])


async def assert_nothing_left(call, job, spool, session):
    await asyncio.sleep(0)
    mine = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    assert [t.get_name() for t in mine if t.get_name().startswith("unbroken")] == []
    assert [h for h in spool.holders() if spool.env.is_locked(spool.lock(h))] == []
    assert by_room.get(ROOM) is None
    assert session not in by_agent_session
    await job.end("job crashed")  # the callbacks that it had registered have nothing to do


async def start_anew(spool, archive):
    """The next agent has the session."""
    job, session = Job(), new_session()
    call = call_in(job, spool, archive)
    await call.start(session, agent=Agent(instructions="x"))
    await session.aclose()
    await job.end()
    return call


async def test_a_room_that_cannot_be_joined(spool, store):
    job, session = Job(), new_session()
    job.connecting = fails
    call = call_in(job, spool, store.archive)
    with pytest.raises(rtc.ConnectError):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)
    await shipped(spool, store.archive)
    (row,) = await session_of(store) or [None]
    assert row is None or row.cause == "left"
    assert (await start_anew(spool, store.archive)).term in (1, 2)


async def test_a_room_that_cannot_be_joined_while_the_answer_of_the_store_is_on_its_way(
    spool, store
):
    job, session = Job(), new_session()
    job.connecting = fails
    call = call_in(job, spool, Archive(store.archive, hangs=True, behind=True))
    with pytest.raises(rtc.ConnectError):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)
    await shipped(spool, store.archive)  # its keeper hears that it has the session, and gives it up
    assert (await start_anew(spool, store.archive)).term in (1, 2)


@pytest.mark.parametrize(
    "error",
    [CallTaken("taken"), NotFound("no session"), InvalidInput("too long"), Unauthorized("no key")],
)
async def test_a_refusal_is_raised_as_what_it_is(spool, store, error):
    job, session = Job(), new_session()
    call = call_in(job, spool, Archive(store.archive, error=error))
    with pytest.raises(type(error)) as raised:
        await call.start(session, agent=Agent(instructions="x"))
    assert raised.value is error
    assert len(job.reasons) == 1
    await assert_nothing_left(call, job, spool, session)
    assert (await start_anew(spool, store.archive)).term == 1


async def test_a_refusal_waits_for_the_connection_that_is_coming_about(spool, store):
    job, session, connected = Job(), new_session(), []

    async def slow():
        await asyncio.sleep(0.05)
        connected.append(1)

    job.connecting = slow
    call = call_in(job, spool, Archive(store.archive, error=CallTaken("taken")))
    with pytest.raises(CallTaken):
        await call.start(session, agent=Agent(instructions="x"))
    assert connected == [1]  # LiveKit can close it with the job
    await assert_nothing_left(call, job, spool, session)


async def test_a_connection_that_never_comes_about_holds_up_no_refusal(spool, store, monkeypatch):
    monkeypatch.setattr(joining, "CONNECT_S", 0.05)
    job, session = Job(), new_session()
    job.connecting = hangs
    call = call_in(job, spool, Archive(store.archive, error=CallTaken("taken")))
    with pytest.raises(CallTaken):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)


async def test_a_successor_whom_the_service_does_not_answer_says_so(spool, store, monkeypatch):
    monkeypatch.setattr(joining, "GIVE_UP_S", 0)
    metadata = f'{{"unbroken": {{"session_id": "{spool.env.new_id()}"}}}}'
    job, session = Job(metadata=metadata), new_session()
    call = call_in(job, spool, Archive(store.archive, error=ArchiveUnavailable("away")))
    with pytest.raises(ArchiveUnavailable):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)


@pytest.mark.parametrize("point", ["take", "connect", "session"])
async def test_a_cancelled_start(spool, store, point):
    job, session = Job(), new_session()
    archive = Archive(store.archive, hangs=True, behind=True) if point == "take" else store.archive
    job.connecting = hangs if point == "connect" else None
    session.starting = hangs if point == "session" else None
    call = call_in(job, spool, archive)
    task = asyncio.create_task(call.start(session, agent=Agent(instructions="x")))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_nothing_left(call, job, spool, session)
    await shipped(spool, store.archive)
    assert (await start_anew(spool, store.archive)).term in (1, 2)


async def test_a_livekit_session_that_does_not_start_leaves_the_call_to_the_next_agent(
    spool, store
):
    job, session = Job(), new_session()

    async def broken():
        raise RuntimeError("LiveKit's own")

    session.starting = broken
    call = call_in(job, spool, store.archive)
    with pytest.raises(RuntimeError, match="LiveKit's own"):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)
    await shipped(spool, store.archive)
    row = await store.conversations.get_session(call.session_id)
    assert (row.phase, row.cause) == ("orphaned", "entrypoint_failed")
    assert (await start_anew(spool, store.archive)).term == 2


@pytest.mark.parametrize("hangs_at_its_end", [False, True])
async def test_what_livekit_had_begun_does_not_run_on(spool, store, monkeypatch, hangs_at_its_end):
    job, session, begin = Job(), new_session(), AgentActivity.start

    async def broken(self, *given, **more):
        await begin(self, *given, **more)
        if hangs_at_its_end:
            monkeypatch.setattr(session, "aclose", hangs)
        raise RuntimeError("LiveKit's own")

    monkeypatch.setattr(AgentActivity, "start", broken)
    monkeypatch.setattr(starting, "CLOSE_S", 0.05)
    before = asyncio.all_tasks()
    call = call_in(job, spool, store.archive)
    with pytest.raises(RuntimeError, match="LiveKit's own"):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)
    if hangs_at_its_end:
        monkeypatch.undo()
        await session.aclose()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - before == set()


async def test_a_log_that_cannot_be_read_is_left_to_the_next_agent(spool, store, monkeypatch):
    await start_anew(spool, store.archive)
    await shipped(spool, store.archive)

    async def refused(*_):
        raise StateRefused("of a newer version")

    with monkeypatch.context() as patch:
        patch.setattr("unbroken.livekit.call.read", refused)
        job, session = Job(), new_session()
        call = call_in(job, spool, store.archive)
        with pytest.raises(StateRefused):
            await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)
    await shipped(spool, store.archive)
    assert (await start_anew(spool, store.archive)).term == 3


async def test_a_spool_that_takes_no_files(spool, store, monkeypatch):
    def no(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(spool.env, "create", no)
    job, session = Job(), new_session()
    call = call_in(job, spool, store.archive)
    with pytest.raises(JournalUnwritable):
        await call.start(session, agent=Agent(instructions="x"))
    await assert_nothing_left(call, job, spool, session)


@pytest.mark.parametrize("options", [{"room": rtc.Room}, {"colour": "red"}, {"romm_options": 1}])
async def test_options_that_cannot_be_are_refused_before_anything_begins(spool, store, options):
    job, session = Job(), new_session()
    call = call_in(job, spool, store.archive)
    with pytest.raises(InvalidInput):
        await call.start(session, agent=Agent(instructions="x"), **options)
    assert spool.holders() == []
    assert job.callbacks == []


@pytest.mark.parametrize("name", ["x" * 600, "nul\0", "half \ud800"])
async def test_names_that_cannot_be_are_refused_before_there_is_a_journal(spool, store, name):
    for job, role in ((Job(name), None), (Job(), name)):
        call = call_in(job, spool, store.archive, role=role)
        with pytest.raises(InvalidInput):
            await call.start(new_session(), agent=Agent(instructions="x"))
    assert spool.holders() == []


async def test_a_conversation_that_is_none_is_refused_before_there_is_a_journal(spool, store):
    async def choose(_ctx):
        return "the usual one"

    call = call_in(Job(), spool, store.archive, choose=choose)
    with pytest.raises(InvalidInput, match="the usual one"):
        await call.start(new_session(), agent=Agent(instructions="x"))
    assert spool.holders() == []


async def test_the_jobs_own_room_may_be_named(spool, store):
    job, session = Job(), new_session()
    call = call_in(job, spool, store.archive)
    await call.start(session, agent=Agent(instructions="x"), room=job.room)
    assert call.is_new
    await session.aclose()
    await job.end()


async def test_a_second_start_of_a_call_changes_nothing(spool, store):
    job, session = Job(), new_session()
    call = call_in(job, spool, store.archive)
    await call.start(session, agent=Agent(instructions="x"))
    with pytest.raises(Conflict):
        await call.start(new_session(), agent=Agent(instructions="y"))
    assert by_room.get(ROOM) is call.live
    assert issubclass(Conflict, UnbrokenError)
    reply = await session.generate_reply(user_input="hello")
    assert reply.chat_items[0].text_content == "You said hello."
    await session.aclose()
    await job.end()


async def test_the_connection_to_the_service_is_closed_with_a_failed_start(
    spool, store, monkeypatch
):
    closed = []

    async def aclose(_self):
        closed.append(1)

    monkeypatch.setattr(httpx.AsyncClient, "aclose", aclose)
    from unbroken.archive.http import RemoteArchive  # noqa: PLC0415

    remote = RemoteArchive("http://127.0.0.1:9")
    job, session = Job(), new_session()
    session.starting = fails
    call = call_in(job, spool, store.archive, own=remote)
    with pytest.raises(rtc.ConnectError):
        await call.start(session, agent=Agent(instructions="x"))
    await job.end()
    assert closed == [1]
