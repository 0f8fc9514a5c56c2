"""What we count on of LiveKit's AgentTask beyond its documentation: a test for each function."""

import asyncio
import gc
import json
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, AgentTask, function_tool
from livekit.agents.beta import workflows
from livekit.agents.beta.workflows.credit_card import (
    GetCardNumberTask,
    GetCreditCardResult,
    GetExpirationDateTask,
    GetSecurityCodeTask,
)
from livekit.agents.beta.workflows.dtmf_inputs import DtmfEvent, GetDtmfTask

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from tests.trees import source_of
from unbroken.live.live import Live
from unbroken.livekit import fragile
from unbroken.livekit.hooks import Hooks


@pytest.fixture
async def session():
    session = AgentSession(llm=ScriptedLLM([]))
    yield session
    await session.aclose()


class Ask(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask.")


class Asking(Agent):
    """Awaits a task in its tool, and says what it came to."""

    def __init__(self, task: Ask) -> None:
        super().__init__(instructions="Be kind.")
        self.task = task

    @function_tool
    async def ask(self) -> str:
        """Ask."""
        return f"It was {await self.task}."


class Watching:
    def __init__(self) -> None:
        self.seen = []

    async def awaited(self, task, by, enter):
        self.seen.append((task, by.agent, by.place, by.call.name, by.call.created_at > 0))
        return await enter()


async def asking(session, task):
    """A session whose tool awaits `task` just now."""
    agent = Asking(task)
    session.llm.rules = [("ask", {"tool": "ask", "arguments": {}})]
    await session.start(agent)
    session.generate_reply(user_input="ask")
    async with asyncio.timeout(20):
        while session.current_agent is not task:
            await asyncio.sleep(0.01)
    return agent


async def test_watch_tasks(session):
    watching, task = Watching(), Ask()
    fragile.watch_tasks(session, watching)
    agent = await asking(session, task)
    ((its, by, _, name, has_time),) = watching.seen
    assert (its, by, name, has_time) == (task, agent, "ask", True)
    task.complete("tea")
    async with asyncio.timeout(20):
        while "It was tea." not in str(session.history.items):
            await asyncio.sleep(0.01)


async def test_when_task_is_done(session):
    told, task, failing = [], Ask(), Ask()
    fragile.when_task_is_done(task, told.append)
    fragile.when_task_is_done(failing, told.append)
    task.complete("tea")
    failing.complete(error := ValueError("no"))
    await asyncio.sleep(0)
    assert told == ["tea", error]


async def test_complete_task(session):
    task = Ask()
    fragile.complete_task(task, "tea")
    assert task.done()
    fragile.complete_task(failing := Ask(), ValueError("no"))
    assert failing.done()


async def test_keeps_calls(session):
    assert not fragile.keeps_calls(Ask())
    keeping = AgentTask(instructions="Ask.", preserve_function_call_history=True)
    assert fragile.keeps_calls(keeping)


async def test_started_agents(session):
    agent = await asking(session, task := Ask())
    assert list(fragile.started_agents(session)) == [task, agent]


async def test_said_already(session):
    async with asyncio.timeout(60):
        handle = await fragile.said_already()
    assert handle.done()
    assert not handle.interrupted


async def test_check_arguments():
    @function_tool
    async def count(to: int, by: int = 1) -> None:
        """Count."""

    fragile.check_arguments(count, '{"to": 3}')
    for unfit in ('{"by": 3}', '{"to": "many"}', "[]"):
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's, or json's
            fragile.check_arguments(count, unfit)


async def test_is_closing(session):
    seen = []
    await asking(session, task := Ask())
    fragile.when_task_is_done(task, lambda _: seen.append(fragile.is_closing(session)))
    assert not fragile.is_closing(session)
    await session.aclose()
    assert seen == [True]


async def test_made_in_new():
    own = vars(Agent)
    assert "__slots__" not in own
    assert "def __new__" not in source_of(Agent)
    assert vars(Agent(instructions="x")).keys() <= vars(Ask()).keys()


async def test_a_session_that_is_over_is_held_by_nothing(env, spool):
    live = Live.open(spool, new_header(env, spool))
    session = AgentSession()
    hooks = Hooks(env, live, session)
    hooks.attach(agent := Agent(instructions="a"))
    session.update_agent(agent)
    hooks.scan()
    await live.close("left")
    known = weakref.ref(session)
    del session, hooks, agent
    gc.collect()
    assert known() is None


async def test_confirmation_of():
    task = workflows.GetEmailTask()
    assert fragile.confirmation_of(task) is None  # nothing was heard
    task._current_email = "ann@example.com"
    assert fragile.confirmation_of(task).id == "confirm_email_address"
    card = GetExpirationDateTask()
    card._expiration_date = "02/30"
    assert fragile.confirmation_of(card).id == "confirm_expiration_date"
    card._expiration_date = "soon"
    assert fragile.confirmation_of(card) is None
    assert fragile.confirmation_of(Ask()) is None


CARD_TASKS = {
    "update_card_number": (GetCardNumberTask, {"card_number": "4242 4242-4242 4242"}),
    "update_security_code": (GetSecurityCodeTask, {"security_code": " 737 "}),
    "update_expiration_date": (
        GetExpirationDateTask, {"expiration_month": 4, "expiration_year": 39}),
}  # fmt: skip


@pytest.mark.parametrize("tool", CARD_TASKS)
async def test_told_of_card(tool):
    """A card task has, and comes to, what is read of the call that told it."""
    kind, given = CARD_TASKS[tool]
    task = kind(require_confirmation=False)
    (found,) = (one for one in task.tools if one.id == tool)
    came_to: list[Any] = []
    task.complete = came_to.append
    await found(SimpleNamespace(session=None), **given)
    heard = fragile.told_of_card(tool, json.dumps(given))
    assert heard
    assert vars(task)[heard.attribute] == heard.text
    fields = fragile.card_fields(came_to[0])
    assert fields.secret == {heard.attribute: heard.text}
    again = fragile.card_result(fields.kind, [*fields.secret.values(), *fields.others])
    assert again == came_to[0]


def test_what_is_no_card_is_none():
    assert fragile.told_of_card("book", "{}") is None
    for arguments in ("", "[]", '{"security_code": 7}', '{"card_number": "1"}'):
        assert fragile.told_of_card("update_security_code", arguments) is None


def test_card_attributes():
    class Own(GetCardNumberTask):
        """An application's."""

    assert "_card_number" in fragile.card_attributes(Own)
    assert not fragile.card_attributes(Ask)


def test_card_fields():
    whole = GetCreditCardResult("Ann Lee", "Visa", "4242424242424242", "737", "04/39")
    fields = fragile.card_fields(whole)
    assert fields.secret == {
        "_card_number": "4242424242424242", "_security_code": "737", "_expiration_date": "04/39",
    }  # fmt: skip
    assert fields.others == ["Ann Lee", "Visa"]
    assert fragile.card_fields("4242424242424242") is None


def test_card_result():
    whole = GetCreditCardResult("Ann Lee", "Visa", "4242424242424242", "737", "04/39")
    fields = fragile.card_fields(whole)
    told = [*fields.secret.values(), *fields.others]
    assert fragile.card_result("GetCreditCardResult", told) == whole
    with pytest.raises(KeyError):
        fragile.card_result("os", told)


async def test_end_holding(session, monkeypatch):
    """A WarmTransferTask notes by these names what it switches off."""
    monkeypatch.setenv("LIVEKIT_SIP_OUTBOUND_TRUNK", "ST_1")
    task = workflows.WarmTransferTask("+14155550123")
    monkeypatch.setattr(workflows.WarmTransferTask, "session", session)
    session.input.set_video_enabled(False)
    task._set_io_enabled(False)
    session.input.set_audio_enabled(False)
    session.output.set_audio_enabled(False)
    session.output.set_transcription_enabled(False)
    fragile.end_holding(session, {"_original_io_state": task._original_io_state})
    assert session.input.audio_enabled
    assert not session.input.video_enabled
    assert session.output.audio_enabled
    assert session.output.transcription_enabled
    for other in (None, {}, {"_original_io_state": {"audio_input": "no", "all": False}}):
        fragile.end_holding(session, other)
    assert session.input.audio_enabled


async def test_keep_collecting():
    task = GetDtmfTask(num_digits=2, dtmf_input_timeout=60)
    task._curr_dtmf_inputs, task._dtmf_reply_running = [DtmfEvent.ONE], True
    fragile.keep_collecting(task)
    assert (task._curr_dtmf_inputs, task.dtmf_reply_running()) == ([], False)
    task._on_sip_dtmf_received(rtc.SipDTMF(code=1, digit="1"))
    task._generate_dtmf_reply.cancel()
    fragile.keep_collecting(task)
    assert task._curr_dtmf_inputs == [DtmfEvent.ONE]
    task._generate_dtmf_reply.cancel()
    fragile.keep_collecting(Ask())
