"""Carrying out a plan: nothing of it raises or waits for ever, and it is said by whatever the
session can speak with."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import FunctionCall, FunctionCallOutput

from tests.agents.scripted import ScriptedLLM
from tests.livekit.speaking import Speaker, said, until
from unbroken.livekit.restore import recover
from unbroken.livekit.saying import GO_ON
from unbroken.recovery.plan import (
    Answer,
    AskAgain,
    Bridge,
    Custom,
    Facts,
    Repeat,
    Resume,
    Silent,
    default_plan,
)

FACTS = Facts(
    cause="crashed", gap_s=1, crashes=1, agent="Host", heard="One. And", unheard="And two.",
    rest="two.", unanswered=None,
)  # fmt: skip
SPOKEN = [Resume(), Resume(from_sentence=False), Repeat(), Bridge("Sorry."), AskAgain("Again?")]
WORDS = ["And two.", "two.", "One. And two.", "Sorry.", "Again?"]
RULES = [("", "You said {heard}.")]


@pytest.fixture
async def session():
    made = AgentSession[Any](llm=ScriptedLLM(RULES))
    await made.start(Agent(instructions="x"))
    yield made
    await made.aclose()


@pytest.mark.parametrize(("plan", "words"), [*zip(SPOKEN, WORDS, strict=True)])
async def test_a_plan_with_words_says_them(session, plan, words):
    assert await recover.perform(plan, session, FACTS) is None
    await until(lambda: said(session), "said")
    assert said(session) == [("assistant", words)]


async def test_an_aside_is_said_as_one(session):
    facts = Facts(cause="", gap_s=1, crashes=1, agent=None, heard="a", unheard="b", is_aside=True)
    speech = asyncio.Event()
    session.on("speech_created", lambda _: speech.set())
    assert await recover.perform(Resume(), session, facts) is None
    await asyncio.wait_for(speech.wait(), 10)
    assert said(session) == []


async def test_with_nothing_to_say_nothing_is_said(session):
    nothing = Facts(cause="", gap_s=1, crashes=1, agent=None)
    for plan in (Silent(), Resume(), Repeat()):
        assert await recover.perform(plan, session, nothing) is None
    await asyncio.sleep(0)
    assert session.current_speech is None


@pytest.mark.parametrize("plan", SPOKEN)
async def test_a_session_without_a_voice_lets_its_model_say_it(plan):
    model = ScriptedLLM([("", "As you wish.")])
    session = AgentSession[Any](llm=model)
    session.output.audio = Speaker()
    asked: list[Any] = []
    own = session.generate_reply
    session.generate_reply = lambda **given: asked.append(given) or own(**given)
    await session.start(Agent(instructions="x"))
    assert await recover.perform(plan, session, FACTS) is None
    words = WORDS[SPOKEN.index(plan)]
    assert [given["instructions"] for given in asked] == [GO_ON.format(text=words)]
    await session.aclose()


@pytest.mark.parametrize("plan", [*SPOKEN, Answer()])
async def test_a_session_that_cannot_speak_at_all_says_so(plan):
    session = AgentSession[Any]()
    session.output.audio = Speaker()
    await session.start(Agent(instructions="x"))
    words = await recover.perform(plan, session, FACTS)
    assert words
    assert words.startswith("degraded: no")
    await session.aclose()


def raises(*_: Any) -> Any:
    raise ValueError("the application's own")


async def fails(*_: Any) -> Any:
    raises()


async def hangs(*_: Any) -> Any:
    await asyncio.sleep(3_600)


async def awaits_what_was_cancelled(*_: Any) -> Any:
    work = asyncio.ensure_future(hangs())
    work.cancel()
    await work


def is_cancelled(*_: Any) -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("planner", "why"),
    [
        (raises, "ValueError: the application's own"),
        (fails, "ValueError: the application's own"),
        (hangs, "TimeoutError"),
        (awaits_what_was_cancelled, "CancelledError"),
        (is_cancelled, "CancelledError"),
        (lambda _: None, "it gave no plan, but NoneType"),
        (lambda _: Answer, "it gave no plan, but StructMeta"),
    ],
)
async def test_a_planner_that_fails_is_replaced_by_the_default_plan(monkeypatch, planner, why):
    monkeypatch.setattr(recover, "PLAN_S", 0.05)
    plan, words = await recover.planned(FACTS, planner)
    assert plan == default_plan(FACTS) == await recover.plan_for(FACTS, planner)
    assert words == f"degraded: on_recovery failed ({why}), the default plan was used"


async def test_a_plan_of_the_applications_own_is_taken():
    async def later(_facts: Facts) -> Any:
        return AskAgain()

    for planner in (lambda _: AskAgain(), later):
        assert await recover.planned(FACTS, planner) == (AskAgain(), None)
    assert await recover.planned(FACTS, None) == (Resume(), None)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (raises, "ValueError: the application's own"),
        (fails, "ValueError: the application's own"),
        (awaits_what_was_cancelled, "CancelledError"),
        (is_cancelled, "CancelledError"),
    ],
)
async def test_a_custom_plan_that_fails_is_replaced_by_the_default_plan(session, run, why):
    words = await recover.perform(Custom(run), session, FACTS)
    assert words == f"degraded: the custom plan failed ({why}), the default plan was used"
    await until(lambda: said(session), "said")
    assert said(session) == [("assistant", "And two.")]


async def test_a_custom_plan_may_take_its_time_and_start_does_not_wait(session, monkeypatch):
    monkeypatch.setattr(recover, "PLAN_S", 0.05)
    done = asyncio.Event()

    async def slow() -> None:
        await asyncio.sleep(0.1)
        done.set()

    words = await recover.perform(Custom(slow), session, FACTS)
    assert words == "degraded: the custom plan had not ended after 0.05 s"
    await asyncio.wait_for(done.wait(), 10)
    assert await recover.perform(Custom(lambda: None), session, FACTS) is None


async def test_a_custom_plan_ends_with_a_start_that_is_called_off(session):
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await hangs()
        finally:
            ended.set()

    performing = asyncio.ensure_future(recover.perform(Custom(slow), session, FACTS))
    await asyncio.sleep(0.01)
    performing.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await performing


async def test_a_start_that_is_called_off_while_a_plan_is_made_ends():
    making = asyncio.ensure_future(recover.planned(FACTS, hangs))
    await asyncio.sleep(0.01)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making


async def test_a_question_behind_which_something_was_said_is_answered(session):
    context = session.current_agent.chat_ctx.copy()
    context.add_message(role="user", content="the price")
    context.add_message(role="assistant", content="One mo", interrupted=True)
    await session.current_agent.update_chat_ctx(context)
    await recover.perform(Answer(), session, FACTS)
    await until(lambda: said(session), "answered")
    assert said(session) == [("assistant", "You said the price.")]
    texts = [i.text_content for i in session.current_agent.chat_ctx.items if i.type == "message"]
    assert texts[-3:] == ["the price", "One mo", "You said the price."]


async def test_what_a_tool_returned_is_answered(session):
    context = session.current_agent.chat_ctx.copy()
    context.add_message(role="user", content="the price")
    call = FunctionCall(call_id="c", name="look", arguments="{}")
    output = FunctionCallOutput(call_id="c", name="look", output="Ten.", is_error=False)
    context.items += [call, output]
    await session.current_agent.update_chat_ctx(context, exclude_invalid_function_calls=False)
    await recover.perform(Answer(), session, FACTS)
    await until(lambda: said(session), "answered")
    assert said(session) == [("assistant", "Ten.")]
