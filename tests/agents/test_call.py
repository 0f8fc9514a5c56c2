"""A call through a real LiveKit server: greeted, understood, booked, saved."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.speech.hibari import HibariTTS
from tests.agents.house import Caller, house

RULES = [
    ["book|table", {"tool": "book_table", "arguments": {"request": "{heard}"}}],
    ["yes|please", {"tool": "confirm_booking"}],
    ["", "I heard you."],
]


@pytest.mark.e2e
async def test_a_caller_books_a_table(tmp_path: Path, voice: HibariTTS) -> None:
    with house(tmp_path, rules=json.dumps(RULES)) as home:
        async with httpx.AsyncClient(base_url=home.service_url, trust_env=False) as service:
            room = (await service.post("/api/v1/rooms", json={"name": "test-room"})).json()
            caller = Caller(voice)
            await caller.join(room["url"], room["token"])
            await caller.hear("How can I help you?")
            await caller.say("Please book a table for two on Friday.")
            await caller.hear("Shall I book it?")
            await caller.say("Yes, please.")
            await caller.hear("is booked.")
            await caller.leave()
            await asyncio.to_thread(home.end_worker)
            path = f"/api/v1/conversations/{room['conversation_id']}"
            saved = (await service.get(f"{path}/messages")).json()["messages"]
            summary = await session_summary(service, path)
    assert caller.heard_s > 3
    with sqlite3.connect(home.bookings) as connection:
        assert connection.execute("select day, party from booking").fetchall() == [("Friday", 2)]
    connection.close()
    assert [message["role"] for message in saved][:3] == ["assistant", "user", "assistant"]
    assert "table" in saved[1]["content"]
    assert summary["room_name"] == "test-room"
    assert summary["duration"] > 3


async def session_summary(service: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """What the agent saved of its call at the end, once the keeper has shipped it."""
    (call,) = (await service.get(path)).json()["call_list"]
    entries = f"/api/v1/sessions/{call['sessions'][0]['id']}/entries"
    async with asyncio.timeout(10):
        while True:
            page = (await service.get(entries, params={"limit": 500})).json()["entries"]
            notes = [entry["payload"] for entry in page if entry["kind"] == "note"]
            for note in notes:
                if note["name"] == "session_summary":
                    return note["data"]
            await asyncio.sleep(0.1)
