"""VoiceAssistantAgent: state without I/O, hostile rooms, lost reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentSession, JobContext

from agents.core.agent import VoiceAssistantAgent
from agents.core.order import Order
from agents.core.room_context import ID_MAX, METADATA_BYTES_MAX, parse, read_room
from agents.services.backend_client import LLMMessage
from agents.state.manager import StateManager
from agents.state.memory_state import MemoryState
from tests.agents.scripted import ScriptedLLM
from tests.agents.test_conversation import job, say
from unbroken import ArchiveUnavailable, NotFound, Unauthorized, UnbrokenError

CONVERSATION = "01890000-0000-7000-8000-000000000001"
HOSTILE = [
    "", "no json", "[]", "null", "7", "\x00", "[" * 50_000, '{"conversation_id": 7}',
    '{"conversation_id": {"$ne": 1}}', json.dumps({"conversation_id": "x" * (ID_MAX + 1)}),
    '{"conversation_id": "a\\u0000b"}', "x" * (METADATA_BYTES_MAX + 1), '{"conversation_id": ""}',
]  # fmt: skip


def room(metadata: str = "", **people: str) -> SimpleNamespace:
    """What of a room the agent reads."""
    participants = {
        identity: SimpleNamespace(identity=identity, metadata=said)
        for identity, said in people.items()
    }
    return SimpleNamespace(name="test-room", metadata=metadata, remote_participants=participants)


class Backend:
    """A backend that answers as told."""

    def __init__(self, answer: list[LLMMessage] | UnbrokenError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int]] = []
        self.sessions: list[dict[str, Any]] = []
        self.conversations: list[Any] = []

    async def get_recent_messages(self, conversation_id: str, limit: int) -> list[LLMMessage]:
        self.asked.append((conversation_id, limit))
        if isinstance(self.answer, UnbrokenError):
            raise self.answer
        return self.answer

    def save_session(self, session_data: dict[str, Any]) -> None:
        self.sessions.append(session_data)

    def save_conversation(self, room_name: str, conversation: object) -> None:
        self.conversations.append((room_name, conversation))


class Call:
    """The attributes of a call that the agent shows."""

    def __init__(self, *, is_new: bool = True) -> None:
        self.is_new = is_new
        self.conversation_id = CONVERSATION
        self.conversation_history: list[LLMMessage] = []
        self.participant_states = {"anna": "here"}
        self.session_start = datetime.now(UTC) - timedelta(hours=30)
        self.message_count = 5
        self.notes: list[tuple[str, Any]] = []

    def note(self, name: str, data: Any) -> None:
        self.notes.append((name, data))


@pytest.fixture
async def ctx() -> AsyncIterator[JobContext]:
    async with job() as made:
        made._room = room(json.dumps({"conversation_id": CONVERSATION, "user_id": "u1"}))
        yield made


def agent_of(
    ctx: JobContext, backend: Backend | None = None, **options: Any
) -> VoiceAssistantAgent:
    return VoiceAssistantAgent(ctx, backend, **options)  # type: ignore[arg-type]


async def attached(agent: VoiceAssistantAgent, call: Call) -> VoiceAssistantAgent:
    await agent.attach(call)  # type: ignore[arg-type]
    return agent


async def test_before_the_start_the_state_is_there_and_empty(ctx: JobContext) -> None:
    agent = agent_of(ctx)
    assert list(agent.conversation_history) == []
    assert agent.participant_states == {}
    assert agent.message_count == 0
    assert agent.conversation_id is None
    assert agent.session_start.tzinfo is not None


async def test_after_the_start_the_state_is_the_calls(ctx: JobContext) -> None:
    agent, call = agent_of(ctx), Call()
    early = LLMMessage(role="user", content="early")
    agent.conversation_history.append(early)
    await attached(agent, call)
    assert call.conversation_history == [early]
    assert agent.conversation_history is call.conversation_history
    assert agent.participant_states is call.participant_states
    assert agent.session_start is call.session_start
    assert (agent.message_count, agent.conversation_id) == (5, CONVERSATION)


async def test_the_room_names_conversation_and_user(ctx: JobContext) -> None:
    agent = agent_of(ctx)
    await agent._load_room_context()
    assert agent.conversation_id == CONVERSATION
    assert agent.room_context.user_id == "u1"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_metadata_is_ignored(hostile: str, caplog: pytest.LogCaptureFixture) -> None:
    found = read_room(room(hostile, anna=hostile, bob='{"user_id": "u2"}'))
    assert found.conversation_id is None
    assert found.user_id == "u2"
    assert bool(caplog.records) == bool(hostile)
    assert not any(hostile and hostile in record.getMessage() for record in caplog.records)


def test_only_an_object_is_metadata() -> None:
    assert parse('{"a": 1}', whose="room") == {"a": 1}


async def test_earlier_messages_stand_in_front_of_this_calls(ctx: JobContext) -> None:
    backend = Backend(
        [
            LLMMessage(role="user", content="I like tea.", id="a", created_at=1.0),
            LLMMessage(role="assistant", content="Noted.", id="b", created_at=2.0),
        ]
    )
    agent = await attached(agent_of(ctx, backend), Call())
    assert [i.text_content for i in agent.chat_ctx.items] == ["I like tea.", "Noted."]
    assert [i.role for i in agent.chat_ctx.items] == ["user", "assistant"]
    assert backend.asked == [(CONVERSATION, 10)]
    assert agent.unread is None


async def test_what_this_call_said_itself_is_not_told_twice(ctx: JobContext) -> None:
    call = Call()
    call.conversation_history.append(LLMMessage(role="user", content="Hi", id="a"))
    backend = Backend([LLMMessage(role="user", content="Hi", id="a")])
    agent = await attached(agent_of(ctx, backend), call)
    assert agent.recent == []
    assert agent.chat_ctx.items == []


@pytest.mark.parametrize("error", [ArchiveUnavailable("away"), Unauthorized("no key")])
async def test_a_failed_read_is_an_error_and_never_a_new_user(
    ctx: JobContext, error: UnbrokenError, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call()
    agent = await attached(agent_of(ctx, Backend(error)), call)
    assert agent.unread == error.code
    assert call.notes == [("unread", {"what": "recent messages", "code": error.code})]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_conversation_nobody_has_spoken_in_is_read(ctx: JobContext) -> None:
    agent = await attached(agent_of(ctx, Backend(NotFound("none yet"))), Call())
    assert agent.unread is None
    assert agent.recent == []


async def test_who_takes_a_call_over_does_not_ask_what_the_log_has(ctx: JobContext) -> None:
    backend = Backend([])
    await attached(agent_of(ctx, backend), Call(is_new=False))
    assert backend.asked == []


async def test_cleanup_saves_the_seeds_summary_once(ctx: JobContext) -> None:
    backend, call = Backend([]), Call()
    agent = await attached(agent_of(ctx, backend), call)
    await asyncio.gather(agent.cleanup(), agent.cleanup())
    (summary,) = backend.sessions
    assert summary["room_name"] == "test-room"
    assert summary["messages"] is call.conversation_history
    assert summary["participants"] is call.participant_states
    # Thirty hours: a timedelta's `.seconds` would say six.
    assert summary["duration"] == pytest.approx(30 * 3600, abs=5)


async def test_a_state_manager_hears_all_that_is_said(ctx: JobContext) -> None:
    backend = Backend([])
    ctx._room = room(anna="", bob="")
    async with StateManager() as manager:
        agent = agent_of(ctx, backend, state_manager=manager)
        session = AgentSession[Order](
            vad=None, turn_handling={"turn_detection": None}, userdata=Order(),
            llm=ScriptedLLM([("", "I heard you.")]),
        )  # fmt: skip
        await session.start(agent)
        await attached(agent, Call())
        if session.current_speech:
            await session.current_speech  # the greeting
        await say(session, "Hello there.")
        await session.aclose()
        await agent.cleanup()
    ((name, conversation),) = backend.conversations
    said = [(m["role"], m["content"]) for m in conversation["messages"]]
    assert name == "test-room"
    assert said[-2:] == [("user", "Hello there."), ("assistant", "I heard you.")]
    assert conversation["participants"] == ["anna", "bob"]
    assert conversation["ended_at"] is not None


def test_the_seeds_state_modules_are_there() -> None:
    assert MemoryState is StateManager
