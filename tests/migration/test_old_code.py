"""An assistant that was written for a StateManager runs, block by block."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import JobContext

from agents.core.agent import VoiceAssistantAgent
from agents.services.backend_client import BackendClient
from agents.state.manager import StateManager
from tests.e2e.house import House
from tests.migration import old_code
from unbroken import LLMMessage
from unbroken import backend_client as module
from unbroken.backend_client import ROLE

pytestmark = pytest.mark.e2e


@pytest.fixture
async def backend_client(house: House, monkeypatch) -> AsyncIterator[BackendClient]:
    monkeypatch.setenv("UNBROKEN_SPOOL", str(house.spool))
    monkeypatch.setenv("UNBROKEN_ARCHIVE", house.service_url)
    client = BackendClient(house.service_url)
    yield client
    await client.cleanup()


async def run(block: str, *given: Any, **names: Any) -> Any:
    """Execute a block among `names` and call what it defines."""
    scope = {"asyncio": asyncio, "LLMMessage": LLMMessage, "JobContext": JobContext, **names}
    exec(block, scope)  # noqa: S102 - it is ours
    function = scope.get("entrypoint") or scope["block"]
    return await function(*given)


def context(room_name: str) -> Any:
    """What a job has before its room is joined."""
    room = SimpleNamespace(name=room_name, metadata="", remote_participants={})
    return SimpleNamespace(room=room, job=SimpleNamespace(room=room, metadata=""))


def used(**names: Any) -> dict[str, Any]:
    return {"VoiceAssistantAgent": VoiceAssistantAgent, "StateManager": StateManager, **names}


async def test_initialization_after(backend_client):
    agent = await run(old_code.INIT_AFTER, context("older"), **used(backend_client=backend_client))
    assert isinstance(agent, VoiceAssistantAgent)
    assert list(agent.conversation_history) == []
    assert agent.participant_states == {}
    assert agent.message_count == 0
    assert agent.session_start <= datetime.now(UTC)


async def test_initialization_before(backend_client):
    names = used(backend_client=backend_client, settings=SimpleNamespace())
    agent = await run(old_code.INIT_BEFORE, context("older"), **names)
    assert agent.state_manager is not None


async def test_storing_and_cleaning_up_after(backend_client, house):
    room = house.create_room("older-after")
    agent = await run(
        old_code.INIT_AFTER, context("older-after"), **used(backend_client=backend_client)
    )
    names: dict[str, Any] = {"room_name": "older-after", "identity": "anna"}
    for text, reply in (("Hello.", "Hello Anna."), ("Yes.", "Good."), ("Yes.", "Very good.")):
        await run(old_code.STORE_AFTER, agent, text=text, reply=reply, **names)
    now = datetime.now(UTC)
    await run(old_code.CLEANUP_AFTER, agent, now=now, backend_client=backend_client)
    found = await house.messages(room["conversation_id"], count=6)
    assert [(m["role"], m["content"]) for m in found] == [
        ("user", "Hello."),
        ("assistant", "Hello Anna."),
        ("user", "Yes."),
        ("assistant", "Good."),
        ("user", "Yes."),
        ("assistant", "Very good."),
    ]


async def test_storing_and_cleaning_up_before(backend_client, house):
    room = house.create_room("older-before")
    async with StateManager() as state_manager:
        await state_manager.create_conversation("older-before", "anna")
        holder = SimpleNamespace(state_manager=state_manager)
        names = {"room_name": "older-before", "metadata": {"lang": "en"}}
        await run(old_code.STORE_BEFORE, holder, role="user", content="Hello.", **names)
        names = used(room_name="older-before", backend_client=backend_client)
        await run(old_code.CLEANUP_BEFORE, None, state_manager=state_manager, **names)
        conversation = await state_manager.get_conversation("older-before")
    assert conversation["ended_at"] is not None
    entries = await house.shipped(room, role=ROLE)
    assert entries[-1]["payload"]["data"]["messages"][0]["content"] == "Hello."


async def test_a_turn_whose_task_never_ran_is_stored(backend_client, house):
    room = house.create_room("older-dropped")
    task = asyncio.create_task(
        backend_client.save_conversation_turn("older-dropped", "anna", "Keep me.", "I do.")
    )
    task.cancel()  # as when the process ends right behind it
    found = await house.messages(room["conversation_id"], count=2)
    assert [m["content"] for m in found] == ["Keep me.", "I do."]


async def test_who_spoke_is_known_at_the_next_call(backend_client, house):
    """By name and with the words, to a client that has never seen the call."""
    room = house.create_room("older-known")
    conversation = room["conversation_id"]
    assert not (await backend_client.get_user_context("carla"))["known"]
    backend_client.save_conversation_turn("older-known", "carla", "A table for two.", "At eight.")
    backend_client.save_conversation_turn("older-known", "dora", "And a chair for me.")
    said = await house.messages(conversation, count=3)
    assert [(m["speaker"], m["content"]) for m in said] == [
        ("carla", "A table for two."),
        (None, "At eight."),
        ("dora", "And a chair for me."),
    ]
    await backend_client.cleanup()  # the call is over
    next_call = BackendClient(house.service_url)
    carla, dora = [await next_call.get_user_context(name) for name in ("carla", "dora")]
    assert (carla["known"], dora["known"]) == (True, True)
    assert [past["id"] for past in carla["conversations"]] == [conversation]
    (first, *_) = await next_call.get_recent_messages(carla["conversations"][0]["id"])
    assert (first.role, first.content) == ("user", "A table for two.")
    await next_call.cleanup()


async def test_a_failed_read_is_an_error_and_never_an_empty_list():
    client = BackendClient("http://127.0.0.1:9")
    with pytest.raises(Exception, match="ConnectError"):
        await client.get_recent_messages("01a20d5e-6261-76b4-aaea-62773ee92aed")
    await client.cleanup()


async def test_reads_requests_and_the_rest_of_the_client(backend_client, house, monkeypatch):
    monkeypatch.setattr(module, "JOINING_S", 20.0)  # the machine may be busy
    made = await backend_client.create_room("older-client")
    joined = await backend_client.agent_joined("older-client", {"version": 1})
    assert joined == made["conversation_id"]
    with pytest.raises(Exception, match=r"not_found|404"):
        await backend_client.get_recent_messages("01a20d5e-6261-76b4-aaea-62773ee92aed")
    assert await backend_client.get_recent_messages(joined) == []
    assert isinstance(await backend_client.get_user_context("nobody"), dict)
    await backend_client.update_room_metadata("older-client", {"topic": "tables"})
    assert house.get("/rooms/older-client")["conversation_id"] == joined
    kept = await backend_client.handle_file_upload("older-client", "anna", b"content")
    assert kept["id"]
    await backend_client.participant_connected("older-client", "anna", {"name": "Anna"})
    await backend_client.save_conversation_turn("older-client", "anna", "Hello.", "Hello Anna.")
    await backend_client.participant_disconnected("older-client", "anna")
    await backend_client.log_error("older-client", "tts", "no sound", "trace")
    entries = await house.shipped(made, role=ROLE)
    kinds = [entry["kind"] for entry in entries]
    assert kinds == ["participant_joined", "note", "item", "item", "participant_left", "note"]
    (first, second) = await backend_client.get_recent_messages(joined, limit=2)
    assert (first.role, first.content) == ("user", "Hello.")
    assert second.created_at >= first.created_at > 1_700_000_000


def test_the_literal_curl(house):
    command = old_code.CURL.replace("http://localhost:8000", house.service_url)
    done = subprocess.run(
        ["/bin/sh", "-c", command.strip() + " -s -w '\\n%{http_code}'"],
        capture_output=True,
        check=True,
        text=True,
    )
    body, status = done.stdout.rsplit("\n", 1)
    answer = json.loads(body)
    assert status == "201"
    assert {"name", "sid", "conversation_id", "url", "token"} <= answer.keys()
    assert answer["name"] == "test-room"
    again = house.create_room("test-room")
    assert (again["sid"], again["conversation_id"]) == (answer["sid"], answer["conversation_id"])


def test_messages_of_a_conversation_in_its_form(house):
    room = house.create_room("older-form")
    answer = house.get(f"/conversations/{room['conversation_id']}/messages")
    assert answer["messages"] == []
    for path in ("/health", "/healthz", "/readyz"):
        assert house.answers(path)
