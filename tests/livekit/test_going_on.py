"""`start` in a call that goes on never fails for what was in flight, the plan, or its report."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, QuietHost, Roomless, call_in, shipped
from tests.livekit.realtime import Realtime
from tests.livekit.speaking import Speaker, said, until
from unbroken.livekit import fragile
from unbroken.livekit.participants import Participants
from unbroken.livekit.restore import recover, restore
from unbroken.livekit.saying import GO_ON
from unbroken.log.mark import Mark, Speech
from unbroken.recovery.plan import Bridge, Custom

__all__ = ["store"]

RULES = [("", "You said {heard}.")]
FLYING = Mark(Speech("Host", "One. And two.", "One. And", 900))


class Host(Agent):
    def __init__(self, name: str = "") -> None:
        super().__init__(instructions="x")


@pytest.fixture
def env():
    return QuietHost()


@pytest.fixture
async def killed(spool, store):
    """A call whose agent was killed in a sentence."""
    job, session = Job(), Roomless(llm=ScriptedLLM(RULES))
    call = await call_in(job, spool, store.archive).start(session, agent=Host("ann"))
    await session.generate_reply(user_input="hello")
    call.live.mark(FLYING)
    for task in call._tasks:
        task.cancel()
    await shipped(spool, store.archive)
    spool.env.unlock(spool.lock(call.live.journal.header.holder))
    await shipped(spool, store.archive, steps=40)
    yield call
    await session.aclose()


async def gone_on(spool, store, session, planner=None):
    call = call_in(Job(), spool, store.archive)
    if planner:
        call.on_recovery(planner)
    async with asyncio.timeout(30):
        await call.start(session, agent=Host("ann"))
    assert not call.is_new
    return call


def raises(*_: Any, **__: Any) -> Any:
    raise ValueError("nobody expects this")


async def hangs(*_: Any) -> Any:
    await asyncio.sleep(3_600)


async def awaits_what_was_cancelled(*_: Any) -> Any:
    work = asyncio.ensure_future(hangs())
    work.cancel()
    await work


def a_voice() -> Roomless:
    return Roomless(llm=ScriptedLLM(RULES))


async def test_a_sentence_is_said_to_its_end(killed, spool, store):
    session = a_voice()
    call = await gone_on(spool, store, session)
    await until(lambda: said(session)[-1] == ("assistant", "And two."), "the rest")
    assert "plan" not in call.restored.report
    assert call.live.session.recovered.plan == "resume"
    await session.aclose()


@pytest.mark.parametrize("planner", [raises, hangs, awaits_what_was_cancelled, lambda _: "silent"])
async def test_a_planner_that_fails_is_named_and_the_default_plan_used(
    killed, spool, store, monkeypatch, planner
):
    monkeypatch.setattr(recover, "PLAN_S", 0.05)
    session = a_voice()
    call = await gone_on(spool, store, session, planner)
    await until(lambda: said(session)[-1] == ("assistant", "And two."), "the rest")
    told = call.live.session.recovered.report["plan"]
    assert told.startswith("degraded: on_recovery failed")
    await session.aclose()


@pytest.mark.parametrize("run", [raises, hangs, awaits_what_was_cancelled])
async def test_a_custom_plan_that_fails_or_hangs_costs_itself(
    killed, spool, store, monkeypatch, run
):
    monkeypatch.setattr(recover, "PLAN_S", 0.05)
    session = a_voice()
    call = await gone_on(spool, store, session, lambda _: Custom(run))
    told = call.restored.report["plan"]
    assert told.startswith("degraded: the custom plan")
    assert call.live.session.notes[recover.NOT_AS_PLANNED] == told
    await session.aclose()


async def test_a_realtime_model_is_told_what_to_say(killed, spool, store):
    model = Realtime()
    session = Roomless(llm=model)
    session.output.audio = Speaker()
    call = await gone_on(spool, store, session)
    await until(lambda: model.told, "told")
    assert model.told == [GO_ON.format(text="And two.")]
    assert "plan" not in call.restored.report
    await session.aclose()


async def test_where_nothing_can_speak_the_report_says_so(killed, spool, store):
    session = Roomless()
    session.output.audio = Speaker()
    call = await gone_on(spool, store, session, lambda _: Bridge("Sorry."))
    assert call.live.session.recovered.report["plan"].startswith("degraded: nothing was said")
    await session.aclose()


BREAKING = [
    (recover, "facts_of", "in flight", "degraded: "),
    (restore, "repair", "in flight", "degraded: "),
    (restore.plan, "repairs", "in flight", "degraded: "),
    (restore.Restored, "_put_back_options", "restore", "degraded: it broke off: "),
    (restore.Restored, "_current", "restore", "degraded: it broke off: "),
    (restore, "again", "restore", "degraded: it broke off: "),
    (restore.Restored, "_live_digests", "restore", "degraded: not compared: "),
    (restore.arguments, "differences", "arguments of Host", "degraded: cannot be compared: "),
    (Participants, "difference", "participants", "degraded: cannot be compared: "),
    (fragile, "awaited", "listening to", "degraded: cannot be read: "),
]


@pytest.mark.parametrize("breaking", BREAKING, ids=lambda case: case[1])
async def test_what_breaks_costs_itself(killed, spool, store, monkeypatch, breaking):
    module, name, field, words = breaking
    monkeypatch.setattr(module, name, raises)
    session = a_voice()
    call = await gone_on(spool, store, session)
    told = call.live.session.recovered.report
    assert told[field] == words + "ValueError: nobody expects this"
    assert call.restored.report == told
    assert [item for item in said(session) if item[0] == "user"] == [("user", "hello")]
    await session.aclose()


async def test_a_history_that_cannot_be_tidied_stops_no_start(killed, spool, store, monkeypatch):
    monkeypatch.setattr(recover, "_stays", raises)
    session = a_voice()
    await gone_on(spool, store, session)
    await session.aclose()
