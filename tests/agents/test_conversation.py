"""The assistant in conversation: greeting, tools, the hand-over to bookings and back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import AgentSession, JobContext, inference
from livekit.agents.llm import ChatMessage
from livekit.agents.testing import fake_job_context

from agents.core.agent import VoiceAssistantAgent
from agents.core.bookings import Bookings
from agents.core.order import Order
from agents.persona import GREETING
from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from agents.tools.notes import NOTE_MAX, NOTES_MAX
from agents.tools.table import last_said
from tests.agents.scripted import Rules, ScriptedLLM
from tests.agents.sound import Microphone, Speaker, error_rate, frame, resampled, silence

RULES: Rules = [
    (r"^note", {"tool": "keep_note", "arguments": {"note": "{heard}"}}),
    (r"notes", {"tool": "read_notes"}),
    (r"\bbook\b", {"tool": "book_table", "arguments": {"request": "{heard}"}}),
    (r"^(yes|sure)", {"tool": "confirm_booking"}),
    (r"^no\b", {"tool": "cancel_booking"}),
    (r"friday|people", {"tool": "change_booking", "arguments": {"request": "{heard}"}}),
    (r"capital", "Paris."),
]  # fmt: skip


@pytest.fixture
def bookings(tmp_path, monkeypatch):
    """What was really booked: (day, party) of every row."""
    path = tmp_path / "data" / "bookings.sqlite"
    monkeypatch.setenv("UNBROKEN_BOOKINGS", str(path))

    def booked() -> list[tuple[str, int]]:
        if not path.exists():
            return []
        with sqlite3.connect(path) as connection:
            rows = connection.execute("select day, party from booking").fetchall()
        connection.close()
        return rows

    return booked


@asynccontextmanager
async def job() -> AsyncIterator[JobContext]:
    with fake_job_context() as ctx:
        yield ctx
        await ctx._on_cleanup()


@asynccontextmanager
async def talking(rules: Rules = RULES, **parts: Any) -> AsyncIterator[AgentSession[Order]]:
    """A session with the assistant, its greeting said. Written words only unless given `parts`."""
    parts = {"vad": None, "turn_handling": {"turn_detection": None}, **parts}
    async with job() as ctx:
        session = AgentSession[Order](llm=ScriptedLLM(rules), userdata=Order(), **parts)
        await session.start(VoiceAssistantAgent(ctx))
        try:
            if parts["vad"] is None and session.current_speech:
                await session.current_speech
            yield session
        finally:
            await session.aclose()


async def say(session: AgentSession[Order], text: str) -> str:
    """What the assistant answers to `text`, all of it."""
    known = len(messages(session))
    await session.run(user_input=text)
    said = messages(session)[known:]
    return " ".join(m.text_content or "" for m in said if m.role == "assistant")


def messages(session: AgentSession[Order]) -> list[ChatMessage]:
    return [item for item in session.history.items if item.type == "message"]


async def test_it_greets_once_and_answers() -> None:
    async with talking() as session:
        assert [message.text_content for message in messages(session)] == [GREETING]
        assert await say(session, "What is the capital of France?") == "Paris."


async def test_notes_are_kept_and_read_back() -> None:
    async with talking() as session:
        assert await say(session, "Read my notes") == "You have no notes yet."
        assert await say(session, "Note that I like tea.") == "I noted: I like tea."
        assert await say(session, "Note that I like tea.") == "I noted: I like tea."
        await say(session, "Note: call Anna")
        assert await say(session, "What are my notes?") == "Your notes: I like tea; call Anna."
        assert session.userdata.notes == ["I like tea.", "call Anna"]


async def test_a_table_is_booked_once_after_a_yes(bookings) -> None:
    async with talking() as session:
        offer = await say(session, "Please book a table for two on Friday")
        assert offer.endswith(" A table for 2 on Friday. Shall I book it?")
        assert isinstance(session.current_agent, Bookings)
        assert bookings() == []
        assert await say(session, "Yes, please.") == "A table for 2 on Friday is booked."
        assert isinstance(session.current_agent, VoiceAssistantAgent)
        assert bookings() == [("Friday", 2)]
        assert session.userdata.booked == ["A table for 2 on Friday"]
        assert await say(session, "Yes.") == "Sorry, I did not understand that."
        assert bookings() == [("Friday", 2)]


async def test_what_is_missing_is_asked_for(bookings) -> None:
    async with talking() as session:
        assert "which day" in await say(session, "Can you book a table?")
        assert "how many" in await say(session, "On Friday.")
        assert "2 on Friday" in await say(session, "For two people.")
        assert "3 on Monday" in await say(session, "On Monday for three people.")
        await say(session, "Sure.")
        assert bookings() == [("Monday", 3)]


async def test_a_no_books_nothing_and_hands_back(bookings) -> None:
    async with talking() as session:
        await say(session, "Book a table for two on Friday")
        assert await say(session, "No, thank you.") == "All right, nothing is booked."
        assert isinstance(session.current_agent, VoiceAssistantAgent)
        assert session.userdata == Order()
        assert bookings() == []


async def test_a_model_cannot_agree_in_place_of_the_caller(bookings) -> None:
    eager: Rules = [
        (r"book", {"tool": "book_table", "arguments": {"request": "two people on friday"}}),
        (r"three", {"tool": "change_booking", "arguments": {"request": "three people"}}),
        (r"sneaky", {"tool": "confirm_booking"}),
    ]
    async with talking(eager) as session:
        await say(session, "book sneaky")
        offer = session.userdata.offer
        assert offer
        offer.said_after = last_said(session.history)
        agent = session.current_agent
        assert isinstance(agent, Bookings)
        reply = await agent.confirm_booking(Context(session))
        assert reply == "I have not booked anything yet. Please answer first."
        assert bookings() == []


class Context:
    """The two attributes of a RunContext that the tool reads."""

    def __init__(self, session: AgentSession[Order]) -> None:
        self.session = session
        self.userdata = session.userdata


@pytest.mark.parametrize(
    "request_",
    [
        "", "\x00\x07", "a table for 0 people on Friday", "for 999999999 people on Friday",
        "for two on 2026-02-30", "x" * 100_000, "'; drop table booking; --",
        "für \U0001f9d1\U0001f9d1 am Freitag", "book " * 400,
    ],
)  # fmt: skip
async def test_hostile_wishes_get_a_clear_answer_and_book_nothing(bookings, request_: str) -> None:
    rules: Rules = [
        ("book", {"tool": "book_table", "arguments": {"request": request_}}),
        ("yes", {"tool": "confirm_booking"}),
    ]
    async with talking(rules) as session:
        answer = await say(session, "book")
        assert any(words in answer for words in ("which day", "how many", "How many"))
        await say(session, "yes")
        assert bookings() == []


async def test_hostile_notes_are_bounded() -> None:
    async with talking() as session:
        assert "too long" in await say(session, "note " + "x" * (NOTE_MAX + 1))
        assert await say(session, "note \x07\x00 tea\n") == "I noted: tea"
        for n in range(NOTES_MAX + 3):
            last = await say(session, f"note number {n}")
        assert "more I cannot keep" in last
        assert len(session.userdata.notes) == NOTES_MAX


async def test_a_book_that_cannot_be_reached_books_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("UNBROKEN_BOOKINGS", str(tmp_path))  # a folder
    async with talking() as session:
        await say(session, "book a table for two on Friday")
        assert "nothing is booked" in await say(session, "yes")
        assert session.userdata.booked == []


async def until(happened: Callable[[], bool], *, within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not happened():
            await asyncio.sleep(0.05)


async def test_a_spoken_conversation(voice: HibariTTS, ears: MoonshineSTT) -> None:
    """In real time: the greeting gives way to the caller, who is answered, audibly."""
    answer = "The weather in the mountains is sunny and warm."
    asked = "What is the weather like in the mountains today?"
    microphone, speaker = Microphone(), Speaker()
    async with job() as ctx:
        session = AgentSession[Order](
            vad=inference.VAD(), stt=ears, tts=voice, llm=ScriptedLLM([("weather", answer)]),
            turn_handling={
                "turn_detection": inference.TurnDetector(version="v1-mini"),
                "preemptive_generation": {"enabled": False},
                "interruption": {"resume_false_interruption": False},
            },
            use_tts_aligned_transcript=True, aec_warmup_duration=None, userdata=Order(),
        )  # fmt: skip
        session.input.audio, session.output.audio = microphone, speaker
        await session.start(VoiceAssistantAgent(ctx))
        await until(lambda: bool(speaker.heard))
        await microphone.speak(resampled(voice.voice(asked, seed=0), 24_000))
        await until(lambda: len(messages(session)) == 3)
        said = messages(session)
        samples, rate = speaker.samples()
        await session.aclose()
    assert [message.role for message in said] == ["assistant", "user", "assistant"]
    assert said[0].interrupted
    assert error_rate([(asked, said[1].text_content or "")]) <= 0.15
    assert said[2].text_content == answer
    again = await ears.transcribe([frame(resampled(samples, rate)), frame(silence(0.3))])
    assert "sunny and warm" in again
