"""A call through a real LiveKit server: greeted, understood, booked, saved."""

import json
import sqlite3
from pathlib import Path

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
            path = f"/api/v1/conversations/{room['conversation_id']}/messages"
            saved = (await service.get(path)).json()["messages"]
    assert caller.heard_s > 3
    with sqlite3.connect(home.bookings) as connection:
        assert connection.execute("select day, party from booking").fetchall() == [("Friday", 2)]
    connection.close()
    assert [message["role"] for message in saved][:3] == ["assistant", "user", "assistant"]
    assert "table" in saved[1]["content"]
