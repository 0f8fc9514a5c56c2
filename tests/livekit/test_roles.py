"""Two durable sessions of one job: each has its own log, and both survive the job."""

import asyncio

import msgspec
import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import ROOM, Job, QuietHost, Roomless, call_in, killed, shipped
from unbroken import CallTaken
from unbroken.live.live import by_room
from unbroken.livekit import last_words

__all__ = ["store"]

ROLES = ("left", "right")


@pytest.fixture
def env():
    return QuietHost()


class Entrypoint:
    """An application whose job has two sessions in the room."""

    def __init__(self, spool, archive, *, named=None):
        said = {"unbroken": {"session_id": str(named), "after_term": 1}} if named else None
        self.job = Job(metadata=msgspec.json.encode(said).decode() if said else "")
        self.spool = spool
        self.calls = {role: call_in(self.job, spool, archive, role=role) for role in ROLES}
        self.sessions = {
            role: Roomless(llm=ScriptedLLM([("", "You said {heard}.")])) for role in ROLES
        }

    async def run(self, *, at_once=False):
        def start(role):
            return self.calls[role].start(self.sessions[role], agent=Agent(instructions=role))

        if at_once:
            await asyncio.gather(*(start(role) for role in ROLES))
        else:
            for role in ROLES:
                await start(role)
        return self

    async def run_those_that_go_on(self, *, order=ROLES, at_once=False):
        """As an application does that lets each of its sessions be over by itself."""

        async def start(role):
            try:
                await self.calls[role].start(self.sessions[role], agent=Agent(instructions=role))
            except CallTaken as error:
                return error.is_over

        if at_once:
            return dict(zip(order, await asyncio.gather(*map(start, order)), strict=True))
        return {role: await start(role) for role in order}

    async def say(self, text):
        for role, session in self.sessions.items():
            await session.generate_reply(user_input=f"{text} {role}")

    async def die(self, archive):
        await killed(self.spool, archive, *self.calls.values())

    async def end(self):
        for session in self.sessions.values():
            await session.aclose()
        await self.job.end()

    @property
    def ids(self):
        return {role: call.session_id for role, call in self.calls.items()}


def lines(call):
    return [i["content"][0] for i in call.live.session.history if i["type"] == "message"]


@pytest.mark.parametrize("named", ROLES)
@pytest.mark.parametrize("at_once", [True, False])
async def test_both_go_on_in_the_next_job_whichever_it_was_sent_for(spool, store, named, at_once):
    first = await Entrypoint(spool, store.archive).run()
    await first.say("hello from")
    await first.die(store.archive)
    ids = first.ids
    assert len(set(ids.values())) == 2
    for session_id in ids.values():
        assert (await store.conversations.get_session(session_id)).phase == "orphaned"
    second = await Entrypoint(spool, store.archive, named=ids[named]).run(at_once=at_once)
    assert second.ids == ids
    for role, call in second.calls.items():
        assert (call.term, call.is_new) == (2, False)
        assert lines(call) == [f"hello from {role}", f"You said hello from {role}."]
    assert by_room.get(ROOM, role="left") is second.calls["left"].live
    for session in first.sessions.values():
        await session.aclose()
    await second.end()


async def test_the_agent_that_was_sent_for_the_other_role_leaves(spool, store):
    first = await Entrypoint(spool, store.archive).run()
    await first.die(store.archive)
    second = await Entrypoint(spool, store.archive, named=first.ids["left"]).run()
    third = Entrypoint(spool, store.archive, named=first.ids["right"])
    with pytest.raises(CallTaken):
        await third.run()
    assert third.job.reasons == ["another agent has this session"]
    await shipped(spool, store.archive)
    for role, session_id in second.ids.items():
        row = await store.conversations.get_session(session_id)
        assert (row.phase, row.term, role) == ("live", 2, row.role)
    for one in (first, second):
        for session in one.sessions.values():
            await session.aclose()
    await second.job.end()


async def test_a_role_that_waits_behind_another_one_is_a_successor_too(spool, store):
    """A service that answers late must not make it a new session, which greets."""
    first = await Entrypoint(spool, store.archive).run()
    await first.say("hello from")
    await first.die(store.archive)

    class Slow:
        async def take(self, request):
            if request.role == "right":
                await asyncio.sleep(0.5)  # longer than a new call waits
            return await store.archive.take(request)

        def __getattr__(self, name):
            return getattr(store.archive, name)

    second = await Entrypoint(spool, Slow(), named=first.ids["left"]).run()
    assert not second.calls["right"].is_new
    assert second.ids == first.ids
    for session in first.sessions.values():
        await session.aclose()
    await second.end()


@pytest.mark.parametrize("order", [ROLES, ROLES[::-1]])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_job_goes_on_with_the_role_that_is_not_over(spool, store, order, at_once):
    first = await Entrypoint(spool, store.archive).run()
    await first.say("hello from")
    await first.calls["left"].end()
    await first.end()  # and with it the job of both
    await shipped(spool, store.archive)
    ids = first.ids
    second = Entrypoint(spool, store.archive, named=ids["right"])
    refused = await second.run_those_that_go_on(order=order, at_once=at_once)
    assert refused == {"left": True, "right": None}
    assert second.job.reasons == []
    assert (second.calls["right"].session_id, second.calls["right"].term) == (ids["right"], 2)
    assert lines(second.calls["right"]) == ["hello from right", "You said hello from right."]
    assert [live.role for live in by_room.all(ROOM)] == ["right"]
    await second.end()


async def test_a_job_of_which_no_role_goes_on_leaves(spool, store, monkeypatch):
    monkeypatch.setattr(last_words, "LINGER_S", 0.05)
    first = await Entrypoint(spool, store.archive).run()
    for call in first.calls.values():
        await call.end()
    await first.end()
    await shipped(spool, store.archive)
    second = Entrypoint(spool, store.archive, named=first.ids["right"])
    assert await second.run_those_that_go_on() == dict.fromkeys(ROLES, True)
    assert second.job.reasons  # the one that it was sent for is over, too


async def test_a_job_that_does_not_try_its_other_role_leaves(spool, store, monkeypatch):
    monkeypatch.setattr(last_words, "LINGER_S", 0.05)
    first = await Entrypoint(spool, store.archive).run()
    await first.calls["left"].end()
    await first.end()
    await shipped(spool, store.archive)
    second = Entrypoint(spool, store.archive, named=first.ids["right"])
    assert await second.run_those_that_go_on(order=("left",)) == {"left": True}
    async with asyncio.timeout(20):
        while not second.job.reasons:
            await asyncio.sleep(0.01)
