"""An agent that hung up is not gone back to, however it did so and however its job ends."""

import asyncio
from uuid import UUID

import pytest
from livekit import rtc
from livekit.agents import Agent, CloseReason, function_tool
from livekit.agents.beta import EndCallTool

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.core.faults import FaultyHost
from tests.livekit.job import ROOM, Job, QuietHost, Roomless, call_in, died, killed, shipped
from unbroken.backend_client import LLMMessage
from unbroken.journal.spool import Spool
from unbroken.live.live import by_room
from unbroken.livekit import last_words
from unbroken.log.cause import ENDING
from unbroken.testing.holders import Holder

__all__ = ["store"]

DRAINED = "parent process shutdown"  # LiveKit's word for a worker that is stopped
BYE = [("bye", {"tool": "end_call", "arguments": {}})]


@pytest.fixture
def spool(tmp_path):
    return Spool.open(QuietHost(), str(tmp_path / "spool"))


class Talk:
    """A call with a person in it, in a job without a server."""

    def __init__(self, spool, store, **agent):
        self.spool, self.archive, self.store = spool, store.archive, store
        self.job = Job()
        self.session = Roomless(llm=ScriptedLLM(BYE))
        self.agent = Agent(instructions="", **agent)

    async def start(self):
        call = call_in(self.job, self.spool, self.archive)
        self.call = await call.start(self.session, agent=self.agent)
        return self

    async def end(self, reason=""):
        """As LiveKit ends a job: its session is closed, then all callbacks run."""
        await self.session.aclose()
        await self.job.end(reason)
        await shipped(self.spool, self.archive)

    async def phase(self):
        session = await self.store.conversations.get_session(self.call.session_id)
        return session.phase

    async def due(self):
        return await self.store.watch.next_dispatch_us() is not None


@pytest.fixture
async def talk(spool, store):
    return await Talk(spool, store).start()


async def ends_the_call(talk):
    await talk.call.end("said goodbye")


async def shuts_the_job_down(talk):
    talk.job.shutdown("said goodbye")


async def shuts_the_session_down(talk):
    talk.session.shutdown()


async def deletes_the_room(talk):
    talk.job.delete_room()


async def room_is_deleted(talk):
    talk.job.room.emit("disconnected", rtc.DisconnectReason.ROOM_DELETED)


WAYS = [
    ends_the_call,
    shuts_the_job_down,
    shuts_the_session_down,
    deletes_the_room,
    room_is_deleted,
]


@pytest.mark.parametrize("hang_up", WAYS)
async def test_killed_right_behind_it_nobody_is_sent_for(talk, hang_up):
    await hang_up(talk)
    await killed(talk.spool, talk.archive, talk.call)
    assert (await talk.phase(), await talk.due()) == ("ended", False)
    again = await Holder(talk.archive).take(ROOM, room_sid="RM_1")
    assert again.is_new
    assert again.conversation_id != talk.call.live.journal.header.conversation_id


class FullHost(QuietHost, FaultyHost):
    """Its disk may be full."""


@pytest.mark.parametrize("hang_up", WAYS)
async def test_killed_before_the_disk_has_taken_the_goodbye_nobody_is_sent_for(
    tmp_path, store, hang_up
):
    host = FullHost()
    talk = await Talk(Spool.open(host, str(tmp_path / "full")), store).start()
    host.room_bytes = 0
    await hang_up(talk)
    await died(talk.spool, talk.archive, talk.call)
    assert (await talk.phase(), await talk.due()) == ("ended", False)


async def test_a_goodbye_that_was_taken_back_is_no_goodbye_on_a_full_disk_either(tmp_path, store):
    host = FullHost()
    talk = await Talk(Spool.open(host, str(tmp_path / "full")), store).start()
    host.room_bytes = 0
    talk.job.shutdown("said goodbye")
    assert talk.call._hanging_up.settle(DRAINED) is None
    await died(talk.spool, talk.archive, talk.call)
    assert await talk.phase() == "orphaned"


async def test_a_goodbye_that_is_on_the_disk_is_taken_back_though_the_disk_is_full_by_then(
    tmp_path, store
):
    host = FullHost()
    talk = await Talk(Spool.open(host, str(tmp_path / "full")), store).start()
    talk.job.shutdown("said goodbye")
    assert await talk.call.live.durable("process", timeout_s=60)
    host.room_bytes = 0
    assert talk.call._hanging_up.settle(DRAINED) is None
    await died(talk.spool, talk.archive, talk.call)
    assert await talk.phase() == "orphaned"


@pytest.mark.parametrize("hang_up", WAYS)
async def test_left_in_order_the_session_is_over(talk, hang_up):
    await hang_up(talk)
    await talk.end(*talk.job.reasons[-1:])
    assert (await talk.phase(), await talk.due()) == ("ended", False)


@pytest.mark.parametrize("hang_up", WAYS[2:])
async def test_a_worker_that_is_stopped_in_the_goodbye_changes_nothing(talk, hang_up):
    await hang_up(talk)
    await talk.end(DRAINED)
    assert await talk.phase() == "ended"


@pytest.mark.parametrize("reason", [DRAINED, "job crashed", "room disconnected"])
async def test_what_the_application_puts_away_when_it_is_stopped_is_no_hang_up(talk, reason):
    talk.session.on("close", lambda _: talk.job.shutdown("closed"))

    async def clean_up(_reason):
        talk.job.delete_room()

    talk.job.add_shutdown_callback(clean_up)
    await talk.end(reason)
    assert (await talk.phase(), await talk.due()) == ("orphaned", True)


async def test_an_entrypoint_that_is_cancelled_puts_away_what_it_has(talk):
    async def entrypoint():
        try:
            await asyncio.sleep(60)
        finally:
            talk.session.shutdown()
            talk.job.delete_room()

    task = asyncio.create_task(entrypoint())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await talk.end(DRAINED)
    assert await talk.phase() == "orphaned"


async def test_our_own_ends_of_a_job_are_no_hang_up(talk):
    talk.job.room.remote_participants.clear()
    talk.session.emit("close", type("Event", (), {"reason": CloseReason.ERROR, "error": None})())
    assert talk.job.reasons == ["a provider is lost"]
    await talk.end(talk.job.reasons[0])
    assert await talk.phase() == "orphaned"


async def test_another_room_may_be_deleted(talk):
    talk.job.delete_room("the lobby")
    await talk.end(DRAINED)
    assert await talk.phase() == "orphaned"


@pytest.mark.parametrize("delete_room", [True, False])
async def test_livekits_tool_hangs_up_when_it_is_called(spool, store, delete_room):
    talk = await Talk(spool, store, tools=[EndCallTool(delete_room=delete_room)]).start()
    await asyncio.wait_for(talk.session.run(user_input="bye"), 20)
    assert talk.call.live.session.notes[ENDING]
    await killed(spool, store.archive, talk.call)
    assert (await talk.phase(), await talk.due()) == ("ended", False)


async def test_a_tool_of_that_name_that_is_not_livekits_hangs_up_on_nobody(spool, store):
    @function_tool
    async def end_call() -> str:
        """End it."""
        return "not yet"

    talk = await Talk(spool, store, tools=[end_call]).start()
    await asyncio.wait_for(talk.session.run(user_input="bye"), 20)
    await killed(spool, store.archive, talk.call)
    assert await talk.phase() == "orphaned"


async def test_what_shutdown_callbacks_write_is_in_the_log(talk):
    async def save(_reason):
        await asyncio.sleep(0.05)
        talk.call.note("summary", {"said": "much"})
        talk.call.live.say("turn", "assistant", "One more thing.", extra={})

    talk.job.add_shutdown_callback(save)
    await talk.call.end("done")
    await talk.end("done")
    session = talk.call.session_id
    kinds = [e.kind for e in await talk.archive.entries(session.bytes)]
    assert kinds[-3:] == ["note", "item", "ended"]
    assert await talk.archive.side_entries(session, limit=9) == []


async def test_what_comes_behind_the_end_while_the_entrypoint_is_open_is_kept(talk):
    await talk.call.end("done")
    await shipped(talk.spool, talk.archive)  # that it hung up, and nothing behind it
    talk.call.note("summary", {"said": "much"})
    talk.call.conversation_history.append(LLMMessage(role="assistant", content="One more thing."))
    await talk.end("done")
    session = talk.call.session_id
    kinds = [e.kind for e in await talk.archive.entries(session.bytes)]
    assert {"note", "item"} <= set(kinds[-5:])
    assert kinds[-1] == "ended"
    assert await talk.archive.side_entries(session, limit=9) == []
    conversation = UUID(talk.call.conversation_id)
    said = await talk.store.conversations.list_messages(conversation, limit=9)
    assert [message.content for message in said] == ["One more thing."]


async def test_people_who_wait_for_the_next_agent_wait_for_no_slow_callback(talk, monkeypatch):
    monkeypatch.setattr(last_words, "WAITED_FOR_S", 0.05)
    done = asyncio.Event()

    async def upload(_reason):
        await done.wait()

    talk.job.add_shutdown_callback(upload)
    ending = asyncio.create_task(talk.job.end(DRAINED))
    async with asyncio.timeout(20):
        while by_room.get(ROOM):
            await asyncio.sleep(0.01)
    await shipped(talk.spool, talk.archive)
    assert (await talk.phase(), await talk.due()) == ("orphaned", True)
    done.set()
    await ending
