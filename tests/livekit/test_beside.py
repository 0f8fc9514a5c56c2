"""Lines that only an application reports stand in the log, whatever happens to LiveKit's lists."""

import asyncio

import pytest
from livekit.agents import Agent
from livekit.agents.llm import ChatMessage

from tests.livekit.holders import SETTLE_S, Holder
from tests.livekit.test_contexts import RULES, Call
from unbroken.backend_client import LLMMessage
from unbroken.livekit.history import History
from unbroken.livekit.state.whole import WRITTEN_WHOLE

ANNOUNCED = "The shop closes at six."


@pytest.fixture
async def call(env, spool):
    made = await Call(env, spool).start()
    yield made
    await made.close()


def report(call, text, role="assistant"):
    History(call.live).append(LLMMessage(role=role, content=text))


def lines(call):
    call.hooks.scan()
    return [message.content for message in History(call.live)]


def is_calm(call):
    """Nothing was found to be other than recorded."""
    session = call.live.session
    return not session.differing and WRITTEN_WHOLE not in session.notes


async def test_a_line_stays_where_it_was_reported(call):
    report(call, "Before all.")
    await call.say("one")
    report(call, ANNOUNCED)
    report(call, "Twice a day.")
    await call.say("two")
    assert lines(call) == [
        "Before all.", "one", "You said one.", ANNOUNCED, "Twice a day.", "two", "You said two.",
    ]  # fmt: skip
    assert is_calm(call)


async def test_a_line_stays_behind_a_tool_and_a_hand_over(call):
    await call.say("one")
    report(call, ANNOUNCED)
    await call.say("till")
    await asyncio.sleep(SETTLE_S)
    report(call, "Twice a day.")
    await call.say("two")
    said = lines(call)
    assert said[:4] == ["one", "You said one.", ANNOUNCED, "till"]
    assert said[-3:] == ["Twice a day.", "two", "You said two."]
    assert is_calm(call)


async def test_a_line_that_livekit_reports_later_is_in_its_place(call):
    def add(role, text):
        call.session.history.items.append(ChatMessage(role=role, content=[text]))
        return lines(call)

    add("user", "a question")
    report(call, "An answer.")
    report(call, ANNOUNCED)
    assert add("assistant", "An answer.") == ["a question", "An answer.", ANNOUNCED]
    report(call, "What was that?", role="user")
    report(call, "Twice a day.")
    assert add("system", "be brief")[-2:] == ["What was that?", "Twice a day."]
    assert add("user", "What was that?")[-2:] == ["Twice a day.", "What was that?"]
    assert is_calm(call)


@pytest.mark.parametrize("place", [0, 1, 2, 4])
async def test_a_history_that_is_written_whole_keeps_them_in_their_places(call, place):
    for number, word in enumerate(("one", "two")):
        if number == place:
            report(call, ANNOUNCED)
        await call.say(word)
    if place > 1:
        report(call, ANNOUNCED)
    before = lines(call)
    items = list(call.session.history.items)
    for change in call.hooks.mirror.whole_history(items):
        call.live.record(change)
    assert lines(call) == before
    assert ANNOUNCED in before
    assert is_calm(call)


async def test_an_order_that_changed_costs_no_line(call):
    await call.say("one")
    report(call, ANNOUNCED)
    await call.say("two")
    call.hooks.scan()
    call.session.history.items.reverse()
    assert ANNOUNCED in lines(call)
    assert not call.live.session.differing
    call.session.history.items.clear()
    assert lines(call) == [ANNOUNCED]


async def test_a_successor_has_them_in_the_log_and_livekits_history_is_what_it_was(env, spool):
    first = await Holder.first(env, spool, Agent(instructions=""), RULES)
    await first.say("one")
    report(first, ANNOUNCED)
    await first.say("two")
    was = [item.id for item in first.session.history.items if item.type == "message"]
    second = await first.successor(Agent(instructions=""))
    assert [i.id for i in second.session.history.items if i.type == "message"] == was
    assert second.report["history"] == "exact"
    await second.say("three")
    assert lines(second) == [
        "one", "You said one.", ANNOUNCED, "two", "You said two.", "three", "You said three.",
    ]  # fmt: skip
    assert is_calm(second)
    for holder in (first, second):
        await holder.close()
