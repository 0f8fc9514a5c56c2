"""The written brain in a session: books, notes, tells stories, and never leaves anybody stuck."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from livekit.agents import AgentSession, llm

from agents.brain import replies, stories
from agents.brain.llm import WrittenLLM
from agents.core.agent import VoiceAssistantAgent
from agents.core.bookings import Bookings
from agents.core.order import Order
from agents.persona import DESK_GREETINGS
from agents.tools.notes import keep_note, read_notes
from tests.agents.test_conversation import bookings, job, say

__all__ = ["bookings"]

NOW = datetime(2026, 11, 25, 17, 40, tzinfo=UTC)
FIRST_TOOLS = ["keep_note", "read_notes", "call_by_name", "tell_name", "tell_booked", "book_table"]
DESK_TOOLS = ["change_booking", "confirm_booking", "cancel_booking", *FIRST_TOOLS[:-1]]


@asynccontextmanager
async def talking() -> AsyncIterator[AgentSession[Order]]:
    async with job() as ctx:
        session = AgentSession[Order](
            llm=WrittenLLM(lambda: NOW), userdata=Order(), vad=None,
            turn_handling={"turn_detection": None},
        )  # fmt: skip
        await session.start(VoiceAssistantAgent(ctx))
        try:
            if session.current_speech:
                await session.current_speech
            yield session
        finally:
            await session.aclose()


async def all_said(session: AgentSession[Order], *texts: str) -> str:
    """The last answer to `texts`, said one after the other."""
    answer = ""
    for text in texts:
        answer = await say(session, text)
    return answer


def context(*said: tuple[llm.ChatRole, str]) -> llm.ChatContext:
    made = llm.ChatContext.empty()
    for role, text in said:
        made.add_message(role=role, content=text)
    return made


async def test_it_asks_for_what_is_missing_reads_back_and_books_what_was_agreed(bookings):
    async with talking() as session:
        assert "day" in await say(session, "I would like to book a table")
        assert "time" in await say(session, "Tomorrow, please")
        assert "How many" in (await say(session, "Half past seven")).replace("how", "How")
        assert "name" in await say(session, "For four")
        assert isinstance(session.current_agent, VoiceAssistantAgent)
        offer = await say(session, "Ann")
        assert offer.endswith("A table for 4 tomorrow at 7:30 pm, for Ann. Shall I book it?")
        assert isinstance(session.current_agent, Bookings)
        assert bookings() == []
        booked = await say(session, "Yes, please.")
        assert booked.startswith("A table for 4 tomorrow at 7:30 pm, for Ann is booked.")
        assert isinstance(session.current_agent, VoiceAssistantAgent)
        assert bookings() == [("Tomorrow", 4)]
        assert await say(session, "Yes.") in replies.REPLIES["yes"]
        assert bookings() == [("Tomorrow", 4)]


async def test_a_wish_in_one_sentence_is_offered_at_once():
    async with talking() as session:
        answer = await say(session, "My name is Ann, a table tomorrow at half past seven for four")
        assert answer.endswith("A table for 4 tomorrow at 7:30 pm, for Ann. Shall I book it?")


async def test_one_hears_that_the_bookings_desk_has_the_call():
    """It says so when it takes over, in other words the next time; then the first is back."""
    wish, manners = "A table for two on Friday at 8 under the name of Smith", []
    async with talking() as session:
        first = session.current_agent.instructions
        for _ in range(2):
            heard = await say(session, wish)
            manners += [words for words in DESK_GREETINGS if words in heard]
            assert heard.endswith(f"{manners[-1]} A table for 2 on Friday at 8 pm, for Smith."
                                  " Shall I book it?")  # fmt: skip
            assert session.current_agent.instructions != first
            assert await say(session, "Never mind.") == replies.NOTHING_BOOKED
            assert session.current_agent.instructions == first
    assert len(set(manners)) == 2


@pytest.mark.parametrize(
    ("correction", "offer"),
    [
        ("No, for five.", "for 5 on Friday at 8 pm, for Smith"),
        ("Not two, three.", "for 3 on Friday at 8 pm, for Smith"),
        ("Yes, but at nine o'clock", "for 2 on Friday at 9 pm, for Smith"),
        ("Make it Saturday", "for 2 on Saturday at 8 pm, for Smith"),
        ("The name is Miller", "for 2 on Friday at 8 pm, for Miller"),
    ],
)
async def test_a_correction_is_read_back_before_it_is_booked(bookings, correction, offer):
    async with talking() as session:
        await say(session, "A table for two on Friday at 8 under the name of Smith")
        assert await say(session, correction) == f"A table {offer}. Shall I book it?"
        assert bookings() == []
        assert "is booked" in await say(session, "Yes.")
        assert len(bookings()) == 1


async def test_a_no_asks_what_to_change_and_a_cancel_ends_it(bookings):
    async with talking() as session:
        await say(session, "A table for two on Friday at 8 under the name of Smith")
        assert await say(session, "No.") == replies.CHANGE_WHAT
        assert "time" in await say(session, "The time.")
        assert "at 9 pm" in await say(session, "Nine.")
        assert await say(session, "Never mind.") == replies.NOTHING_BOOKED
        assert isinstance(session.current_agent, VoiceAssistantAgent)
        assert await say(session, "Yes.") in replies.REPLIES["yes"]
        assert bookings() == []


async def test_nobody_is_stuck_at_the_bookings_desk(bookings):
    async with talking() as session:
        await say(session, "A table for two on Friday at 8 under the name of Smith")
        assert isinstance(session.current_agent, Bookings)
        assert "5:40 pm" in await say(session, "What time is it?")
        assert "I noted: We like the window" in await say(session, "Note that we like the window")
        assert "Your name is Smith" in await say(session, "What is my name?")
        story = await say(session, "Tell me a story")
        assert story.startswith(stories.LIGHTHOUSE)
        assert story.endswith("shall I book it?")
        assert "is booked" in await say(session, "Yes.")
        assert bookings() == [("Friday", 2)]


async def test_a_table_that_is_too_large_is_refused_and_asked_again():
    async with talking() as session:
        assert "one to 20 people" in await say(session, "A table for fifty people tomorrow at six")
        assert "name" in await say(session, "Twelve.")


async def test_what_was_booked_is_told_also_that_nothing_was():
    async with talking() as session:
        assert "Nothing" in await say(session, "What did I book?")
        await all_said(session, "A table for two on Friday at 8, my name is Ann", "Yes.")
        assert "for 2 on Friday at 8 pm, for Ann" in await say(session, "Did you book it?")


async def test_a_name_is_remembered():
    async with talking() as session:
        assert "do not know your name" in await say(session, "What is my name?")
        assert await say(session, "My name is Ann.") == "Nice to meet you, Ann."
        assert await say(session, "What's my name?") == "Your name is Ann."
        assert session.userdata.name == "Ann"


async def test_notes_are_the_callers_words_without_the_lead():
    async with talking() as session:
        await say(session, "Please make a note that my sister is allergic to nuts.")
        assert await say(session, "Take a note.") in replies.REPLIES["note_what"]
        await say(session, "Buy milk and eggs.")
        assert session.userdata.notes == ["My sister is allergic to nuts.", "Buy milk and eggs."]
        told = await say(session, "Read my notes back to me, please")
        assert told == "Your notes: My sister is allergic to nuts; Buy milk and eggs."


async def test_another_story_is_another_one():
    async with talking() as session:
        assert await say(session, "Please tell me a long story.") == stories.LIGHTHOUSE
        assert await say(session, "Go on.") in replies.REPLIES["story_over"]
        assert await say(session, "Tell me another story.") == stories.CLOCK
        assert await say(session, "One more story.") == stories.LIGHTHOUSE


@pytest.mark.parametrize("cut", [30, 100, 260, 400, 700])
def test_a_story_goes_on_with_the_sentence_that_was_cut(cut):
    heard = stories.LIGHTHOUSE[:cut]
    rest = stories.rest(["Hello!", heard, "All right."])
    assert rest
    assert stories.LIGHTHOUSE.endswith(rest)
    assert len(stories.LIGHTHOUSE) - len(rest) <= cut
    assert rest[0].isupper()
    again = f"{replies.WHERE_WAS_I} {rest[:70]}"
    assert len(stories.rest([heard, again]) or "") <= len(rest)


def test_who_speaks_of_something_else_is_told_honestly_what_is_possible():
    for said in ("What is the weather like?", "Who is the president of France?", "Play some music",
                 "What is the capital of France?", "Order a pizza", "I want to talk to a human",
                 "Cancel my reservation", "xyzzy plugh"):  # fmt: skip
        reply = WrittenLLM().reply(context(("user", said)), FIRST_TOOLS)
        assert reply.tool is None, said
        assert any(word in reply.text for word in ("table", "note", "story", "English", "time"))


def test_the_same_conversation_gives_the_same_answer_in_every_process():
    said = context(("assistant", "Hello."), ("user", "How are you?"))
    first, second = (WrittenLLM().reply(said, FIRST_TOOLS) for _ in range(2))
    assert first == second
    said.add_message(role="assistant", content=first.text)
    said.add_message(role="user", content="How are you?")
    assert WrittenLLM().reply(said, FIRST_TOOLS) != first


def test_a_reply_that_was_cut_does_not_lose_the_thread():
    said = context(
        ("user", "Book a table for four tomorrow"), ("assistant", "At wh"), ("user", "At seven.")
    )
    assert "name" in WrittenLLM().reply(said, FIRST_TOOLS).text


async def test_a_reply_comes_by_word_and_a_call_with_an_id_of_its_own():
    brain, tools = WrittenLLM(), [keep_note, read_notes]
    chunks = [c async for c in brain.chat(chat_ctx=context(("user", "How are you?")))]
    assert len(chunks) > 3
    said = context(("user", "Note that I like tea."))
    calls = [(await brain.chat(chat_ctx=said, tools=tools).collect()).tool_calls for _ in range(2)]
    (first,), (second,) = calls
    assert (first.name, first.arguments) == ("keep_note", '{"note": "I like tea."}')
    assert first.call_id != second.call_id


async def test_without_tools_it_only_talks():
    reply = await WrittenLLM().chat(chat_ctx=context(("user", "Read my notes"))).collect()
    assert reply.text
    assert not reply.tool_calls


@pytest.mark.parametrize(
    ("tool", "output", "words"),
    [
        ("confirm_booking", "trace", "do not know yet whether"),
        ("confirm_booking", "confirm_booking was not done: it is away", "have done nothing"),
        ("keep_note", "trace", "did not work"),
    ],
)
def test_a_tool_that_failed_is_spoken_about_honestly(tool, output, words):
    said = context(("user", "Yes."))
    said.items += [
        llm.FunctionCall(call_id="c1", name=tool, arguments="{}"),
        llm.FunctionCallOutput(call_id="c1", name=tool, output=output, is_error=True),
    ]
    told = WrittenLLM().reply(said, DESK_TOOLS).text
    assert words in told
    assert "trace" not in told
    said.add_message(role="assistant", content=told)
    said.add_message(role="user", content="Yes.")
    if tool == "confirm_booking":
        assert WrittenLLM().reply(said, DESK_TOOLS).tool == "confirm_booking"


def test_what_was_asked_after_an_unknown_outcome_is_done_after_a_yes():
    asked = "I do not know whether this was done: confirm booking. Shall I do it now?"
    said = context(("user", "Yes."), ("assistant", asked), ("user", "Yes, please."))
    assert WrittenLLM().reply(said, DESK_TOOLS).tool == "confirm_booking"


def test_asked_to_speak_without_a_word_of_the_caller_it_offers_help():
    assert WrittenLLM().reply(context(), FIRST_TOOLS).text == replies.HOW_CAN_I_HELP


@pytest.mark.parametrize(
    "hostile", ["", "\x00", "...", "\U0001f9d1" * 300, "a" * 100_000, "for " * 50_000, "'; drop --"]
)
def test_hostile_words_get_an_answer(hostile):
    assert WrittenLLM().reply(context(("user", hostile)), FIRST_TOOLS).text


def test_a_long_conversation_costs_no_more_than_its_newest_part():
    long = context(*[("user", "How are you?"), ("assistant", "Well.")] * 2_000)
    long.add_message(role="user", content="What can you do?")
    assert "table" in WrittenLLM().reply(long, FIRST_TOOLS).text
