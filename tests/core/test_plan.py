"""What to do about what was in flight: tables of cases, each a log, a mark and the plan."""

import pytest

from unbroken.log.entries import AgentEntered, ItemPut, Noted, Recovered, ToolEnded, ToolStarted
from unbroken.log.mark import Mark, Speech
from unbroken.log.session import Session
from unbroken.recovery.plan import (
    ASIDES,
    CUT_OFF,
    NOT_HANDED_OVER,
    NOT_KNOWN,
    Answer,
    Bridge,
    Resume,
    Silent,
    default_plan,
    facts_of,
    in_flight,
    repairs,
    split,
)

PREAMBLE = "Let me check the price for you. One moment please."
HEARD = "Let me check the price"
NO_REPLY = {"reply_required": False}


def message(item_id, role, text="words"):
    return ItemPut(
        {"id": item_id, "type": "message", "role": role, "content": [text]},
        after=None if item_id == "u1" else "newest",
    )


def call(call_id, **more):
    return ItemPut(
        {"id": call_id, "type": "function_call", "call_id": call_id, "name": "look"} | more,
        after="newest",
    )


def output(call_id, text="ten", **more):
    item = {"id": f"o-{call_id}", "type": "function_call_output", "call_id": call_id}
    return ItemPut(
        {**item, "name": "look", "output": text, "is_error": False, **more}, after="newest"
    )


def started(call_id="c", name="look", **more):
    return ToolStarted(call_id, name, "{}", **more)


def log(*entries):
    session = Session()
    for entry in entries:
        session.apply(entry)
    return session


def taken_over(report=None):
    return Recovered(cause="crashed", gap_ms=1, crashes=1, plan="silent", report=report or {})


def facts(session, mark=None, **more):
    return facts_of(session, mark, **{"cause": "crashed", "gap_s": 1, "crashes": 1} | more)


def repaired(session, mark=None):
    known = facts(session, mark)
    made = repairs(session, mark, known, new_id=lambda: "new", now_s=1)
    found = []
    for put in made:
        session.apply(put)
        if isinstance(put, ItemPut):
            found.append(put.item)
    return found


ASKED = message("u1", "user", "the price")
SAID = message("a1", "assistant", "One moment.")
RAN = (AgentEntered("Host"), started(), ToolEnded("c", "done", **NO_REPLY))  # and returned nothing


def speaking(**more):
    return Mark(Speech("Host", PREAMBLE, HEARD, 900, **more), is_owed=bool(more))


@pytest.mark.parametrize(
    ("entries", "mark", "plan"),
    [
        # Nothing was said or promised.
        ([], None, Silent()),
        ([ASKED, SAID], None, Silent()),
        # The answer itself was cut, at its end, or just written down.
        ([ASKED], speaking(), Resume()),
        ([ASKED], Mark(Speech("Host", "Ten.", "Ten.", 900)), Silent()),
        ([ASKED], Mark(Speech("Host", "**Ten**.", "Ten.", 900)), Bridge(CUT_OFF)),
        # What was being said was not the answer.
        ([ASKED, started()], speaking(), Answer()),
        ([ASKED, started(), ToolEnded("c", "done", "ten")], speaking(), Answer()),
        ([ASKED], speaking(goes_on=True), Answer()),
        ([ASKED], speaking(is_said=True), Answer()),
        ([ASKED, SAID], Mark(is_owed=True), Answer()),
        # What an application says by itself is said to its end, if nothing else is owed.
        ([ASKED, SAID], Mark(Speech("Host", PREAMBLE, HEARD, 9, is_said=True)), Resume()),
        # A tool is running, or what it returned was not answered.
        ([ASKED, started()], None, Answer()),
        ([ASKED, SAID, started()], None, Answer()),
        ([ASKED, SAID, call("c"), output("c")], None, Answer()),
        ([ASKED, SAID, call("c"), output("c", **NO_REPLY)], None, Silent()),
        ([ASKED, SAID, call("c"), output("c", "")], None, Silent()),
        ([ASKED, started(), ToolEnded("c", "done", **NO_REPLY), SAID], None, Silent()),
        # All that was done about the person's words was a tool that wanted no answer.
        ([ASKED, *RAN, call("c"), output("c", **NO_REPLY)], None, Silent()),
        ([ASKED, *RAN, call("c"), output("c", "")], None, Silent()),
        ([ASKED, *RAN], None, Silent()),
        ([ASKED, *RAN], Mark(is_owed=True), Answer()),
        ([ASKED, *RAN, started("d")], None, Answer()),
        ([ASKED, *RAN, message("u2", "user")], None, Answer()),
        ([ASKED, started(), ToolEnded("c", "error")], None, Answer()),
        ([ASKED, *RAN, AgentEntered("Next")], None, Answer()),
        (
            [ASKED, started(), message("u2", "user"), ToolEnded("c", "done", **NO_REPLY)],
            None,
            Answer(),
        ),
        # A tool of an earlier turn.
        (
            [ASKED, started(), SAID, message("u2", "user"), message("a2", "assistant")],
            None,
            Answer(),
        ),
    ],
)
def test_the_plan(entries, mark, plan):
    assert default_plan(facts(log(*entries), mark)) == plan


def test_a_question_behind_a_filler_is_answered_after_any_number_of_crashes():
    session = log(ASKED, started())
    assert default_plan(facts(session, speaking(is_said=True), crashes=2)) == Answer()
    assert default_plan(facts(log(ASKED), speaking(), crashes=2)) == Bridge(CUT_OFF)


def test_before_anybody_has_said_a_word_on_enter_begins_again():
    assert default_plan(facts(log(started()))) == Silent()
    assert facts(log(started()), speaking()).unanswered == ""


@pytest.mark.parametrize(
    ("entries", "unknown"),
    [
        ([ASKED, started()], ["c"]),
        ([ASKED, started(), message("u2", "user")], ["c"]),
        ([ASKED, started(), call("c"), output("c", "Searching.")], ["c"]),
        ([ASKED, started(), call("c"), output("c", "Searching."), message("u2", "user")], ["c"]),
        ([ASKED, started(), ToolEnded("c", "done")], []),
        ([ASKED, started(), ToolEnded("c", "cancelled")], []),
        ([ASKED, started(), call("c_final"), output("c_final")], []),
        ([ASKED, started(), taken_over()], ["c"]),  # killed again before it said anything
        ([ASKED, started(), taken_over(), SAID], []),
        ([ASKED, started(), taken_over(), SAID, started("d")], ["d"]),
        ([ASKED, started(), taken_over(), SAID, taken_over()], []),
        ([ASKED, started(), taken_over(), started("d")], ["d"]),  # the same call, made again
        ([ASKED, started(), taken_over(), started("d", "book")], ["c", "d"]),
        ([ASKED, started(), started("d")], ["c", "d"]),
    ],
)
def test_a_tool_is_unknown_until_its_outcome_is_or_somebody_spoke_of_it(entries, unknown):
    assert [tool.call_id for tool in facts(log(*entries)).unknown_tools] == unknown


def test_the_person_is_asked_about_each_tool_that_may_have_been_done():
    ask = {"key": "k", "retry": "ask"}
    session = log(
        ASKED, started(**ask), SAID, message("u2", "user"), started("d", "send_it", **ask)
    )
    plan = default_plan(facts(session))
    assert isinstance(plan, Bridge)
    assert "look, send it" in plan.text


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ToolEnded("c", "done", "ten"), ("ten", False, True)),
        (ToolEnded("c", "done", None, reply_required=False), ("", False, False)),
        (ToolEnded("c", "error", "No such day."), ("No such day.", True, True)),
        (ToolEnded("c", "error", "boom", told="An internal error occurred"),
         ("An internal error occurred", True, True)),
        (ToolEnded("c", "cancelled"), ("", False, False)),
        (ToolEnded("c", "done", hands_over=True), (NOT_HANDED_OVER, True, True)),
    ],
)  # fmt: skip
def test_a_tool_that_ended_in_the_dark_is_told_as_livekit_would_have(end, told):
    made = repaired(log(ASKED, started(), end), speaking())
    assert [item.get("role", item["type"]) for item in made] == [
        "assistant", "function_call", "function_call_output"
    ]  # fmt: skip
    outcome = made[-1]
    assert (outcome["output"], outcome["is_error"], outcome["reply_required"]) == told
    assert outcome["call_id"] == "c"


def test_what_was_to_stay_out_of_the_context_stays_out():
    assert repaired(log(ASKED, started()), speaking(is_said=True, is_aside=True)) == []


def test_the_model_is_told_once_of_a_tool_that_it_cannot_call_again():
    session = log(ASKED, started(), call("c"), output("c", "Searching."), SAID)
    session.apply(message("u2", "user"))
    session.apply(message("a2", "assistant"))
    made = repaired(session)
    assert [(item["type"], item["call_id"]) for item in made] == [
        ("function_call", "c_final"),
        ("function_call_output", "c_final"),
    ]
    assert made[-1]["output"] == NOT_KNOWN
    assert default_plan(facts(session)) == Answer()  # killed before it was said
    assert repaired(session) == []
    session.apply(message("a3", "assistant"))
    assert default_plan(facts(session)) == Silent()


def test_a_tool_of_this_turn_is_called_again_and_not_told():
    assert repaired(log(ASKED, started())) == []


PROGRESS = (call("c"), output("c", "Searching."))
ASIDE = Noted(ASIDES, {"turn": "u1", "said": ["One moment."]})


@pytest.mark.parametrize(
    ("entries", "mark", "called"),
    [
        ([ASKED, SAID, started()], None, ["c"]),
        ([ASKED, started(), ASIDE], None, ["c"]),
        ([ASKED, started()], speaking(), ["c"]),
        ([ASKED, SAID, started(), started("d", retry="safe", key="k")], None, ["c", "d"]),
        # Another one had ended: a model that sees its result would speak of that.
        ([ASKED, started(), started("d"), ToolEnded("c", "done", "ten")], None, ["d"]),
        ([ASKED, *RAN, call("c"), output("c"), started("d"), started("e")], None, ["d", "e"]),
        ([ASKED, *RAN, started("d", retry="ask", key="k")], None, []),
        ([ASKED, *RAN, message("u2", "user"), started("d")], None, []),
        # Nothing was said since: the model may think anew.
        ([ASKED, SAID, message("u2", "user"), started()], None, []),
        ([ASKED, started(), message("u2", "user"), message("a2", "assistant")], None, []),
        ([ASKED, ASIDE, message("u2", "user"), started()], None, []),
        ([ASKED, SAID, started(), started("d", retry="ask", key="k")], None, []),
        ([ASKED, SAID, started(), *PROGRESS], None, []),
        ([ASKED, SAID, started()], Mark(None, ("or the time",)), []),
        ([AgentEntered("A", "", ()), ASKED, SAID, started(), AgentEntered("B", "", ())], None, []),
    ],
)
def test_behind_what_its_turn_has_come_to_a_tool_is_called_as_it_was(entries, mark, called):
    assert [tool.call_id for tool in facts(log(*entries), mark).called_again] == called


def test_words_that_came_meanwhile_are_answered_and_the_tool_is_told():
    session, mark = log(ASKED, started()), Mark(None, ("or rather", "the time"))
    assert facts(session, mark).unanswered == "or rather the time"
    made = repaired(session, mark)
    assert [item.get("output") or item.get("content") for item in made[1:]] == [
        NOT_KNOWN, ["or rather the time"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("newer", "left"),
    [
        ([], (True, True)),
        (["a1"], (False, True)),  # the filler was said, the answer is still owed
        (["u1"], (True, True)),
    ],
)
def test_what_an_item_voids_of_the_mark(newer, left):
    session = log(ASKED, SAID)
    mark = in_flight(session, speaking(is_said=True), newer)
    assert (mark.speech is not None, mark.is_owed) == left


def test_an_answer_that_was_written_down_is_owed_no_more():
    session = log(ASKED, SAID)
    answer = Mark(Speech("Host", "Ten.", "Ten.", 9), is_owed=True)
    assert in_flight(session, answer, ["a1"]) == Mark()


def test_an_older_item_that_changes_begins_no_turn():
    session = log(ASKED, SAID, message("u2", "user"))
    session.apply(ItemPut({**ASKED.item, "metrics": {"a": 1}}))
    assert session.turn == "u2"


@pytest.mark.parametrize(
    ("generated", "heard", "unheard", "rest"),
    [
        ("See Dr. Smith. Go.", "See Dr. Smi", "See Dr. Smith. Go.", "th. Go."),
        ("It is 3.5 now. Yes. No.", "It is 3.5 now. Yes", "Yes. No.", ". No."),
        ("It is 3.5 now. Yes. No.", "It is 3.5 now. Yes.", "No.", "No."),
        ("First: 1. Go. 2. Stay.", "First: 1. Go. 2.", "2. Stay.", "Stay."),
        ("我们九点开门。五点关门。", "我们九点开门。五点", "五点关门。", "关门。"),
        ("朝九時です。夕方です。", "朝九時です。", "夕方です。", "夕方です。"),
        ("यह खुला है। आइए। ठीक।", "यह खुला है। आइए", "आइए। ठीक।", "। ठीक।"),
        ("هل تريد؟ نعم أريد.", "هل تريد؟ نعم", "نعم أريد.", "أريد."),
        ("เราเปิดเก้าโมงเช้า และปิดห้าโมงเย็น", "เราเปิดเก้าโมงเช้า และปิด", "และปิดห้าโมงเย็น", "ห้าโมงเย็น"),
    ],
)  # fmt: skip
def test_it_goes_on_at_the_sentence_that_was_cut(generated, heard, unheard, rest):
    assert split(generated, heard) == (heard, unheard, rest)


@pytest.mark.parametrize(
    ("heard", "last"),
    [
        ("One. Two", "One."),
        ("One. Two.", "Two."),
        ("Ask Dr. Smith. Then", "Ask Dr. Smith."),
        ("我们九点开门。五点", "我们九点开门。"),
        ("One", ""),
        ("", ""),
    ],
)
def test_the_last_sentence_is_the_last_whole_one(heard, last):
    mark = Mark(Speech("Host", heard + " and more", heard, 9))
    assert facts(log(ASKED), mark).last_sentence == last
