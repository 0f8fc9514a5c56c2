"""A call for which there is no room: the caller hears why, and the agent leaves."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in, shipped
from unbroken import LimitReached
from unbroken.coordination.admission import SAID, CallLimits
from unbroken.journal.spool import Spool
from unbroken.live.live import by_room
from unbroken.livekit import joining, turning_away
from unbroken.testing.holders import Holder

__all__ = ["store"]

ONE = CallLimits(installation=1)


@pytest.fixture
def env():
    return QuietHost()


@pytest.fixture
def spool(env, tmp_path):
    return Spool.open(env, str(tmp_path / "spool"))


class Limited:
    """A store that has room for one call."""

    def __init__(self, archive):
        self._archive = archive

    async def take(self, request):
        return await self._archive.take(request, limits=ONE)

    def __getattr__(self, name):
        return getattr(self._archive, name)


class Saying(Roomless):
    """What it says is written down; `saying` may hang or fail in its place."""

    def __init__(self, saying=None) -> None:
        super().__init__(llm=ScriptedLLM([("", "You said {heard}.")]))
        self.said: list[tuple[str, bool]] = []
        self.heard: list[bool] = []
        self._saying = saying

    def say(self, text: str, **given: Any) -> Any:
        self.said.append((text, given["allow_interruptions"]))
        self.heard.append(self.input.audio_enabled)
        return self._saying() if self._saying else asyncio.sleep(0)


class Welcoming(Agent):
    async def on_enter(self) -> None:
        raise AssertionError("the application's agent has no part in it")


async def turned_away(spool, store, session, *, people=("ann",)):
    """The call of a room beside the one that has the only place."""
    archive = Limited(store.archive)
    await Holder(archive).take("first")
    job = Job(people=people)
    with pytest.raises(LimitReached):
        call = call_in(job, spool, archive)
        await call.start(session, agent=Welcoming(instructions="Be kind."))
    return job


async def test_the_caller_hears_why_before_the_agent_leaves(spool, store):
    session = Saying()
    job = await turned_away(spool, store, session)
    assert session.said == [(SAID["installation"], False)]
    assert session.heard == [False]
    assert job.reasons == [turning_away.FULL]


async def test_nothing_of_it_is_kept_or_begins_a_call_later(spool, store):
    job = await turned_away(spool, store, Saying())
    await shipped(spool, Limited(store.archive))  # its keeper does not take it in its place
    assert by_room.get(job.room.name) is None
    (lease,) = await store.leases.list(limit=9)
    assert lease.owner == "first"


async def test_nobody_is_told_where_nobody_comes(spool, store, monkeypatch):
    monkeypatch.setattr(joining, "COME_S", 0)
    session = Saying()
    job = await turned_away(spool, store, session, people=())
    assert session.said == []
    assert job.reasons == [turning_away.FULL]


async def test_who_cannot_look_who_is_there_leaves_all_the_same(spool, store, monkeypatch):
    async def cannot(_joining):
        raise OSError("LiveKit is away")

    monkeypatch.setattr(joining.Joining, "people_who_come", cannot)
    session = Saying()
    job = await turned_away(spool, store, session)
    assert session.said == []
    assert job.reasons == [turning_away.FULL]


async def fails():
    raise RuntimeError("no voice")


@pytest.mark.parametrize("saying", [fails, asyncio.Event().wait])
async def test_who_cannot_say_it_leaves_all_the_same(spool, store, monkeypatch, saying):
    monkeypatch.setattr(turning_away, "SAY_S", 0.5)
    job = await turned_away(spool, store, Saying(saying))
    assert job.reasons == [turning_away.FULL]
