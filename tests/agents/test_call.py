"""A call through a real LiveKit server: greeted, understood, booked, saved."""

import asyncio
import os
import signal
import sqlite3

import pytest

from tests.e2e.caller import Caller


@pytest.mark.e2e
async def test_a_caller_books_a_table(house, voice):
    room = house.create_room("test-booking")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        asked = await caller.say("Please book a table for two on Friday.")
        await caller.hear(after=asked)
        asked = await caller.say("Yes, please.")
        await caller.hear(after=asked)
    saved = await house.messages(room["conversation_id"], count=5)
    assert [m["role"] for m in saved] == ["assistant", *["user", "assistant"] * 2]
    assert "table" in saved[1]["content"]
    assert saved[4]["content"].endswith("is booked.")
    with sqlite3.connect(house.folder / "bookings.sqlite") as connection:
        assert connection.execute("select day, party from booking").fetchall() == [("Friday", 2)]
    connection.close()


@pytest.mark.e2e
async def test_an_orderly_end_saves_the_summary(house, voice):
    room = house.create_room("test-summary")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
    os.kill(house.processes["worker"].pid, signal.SIGTERM)  # the worker only, as a supervisor does
    await asyncio.to_thread(house.processes.pop("worker").wait, 60)
    await asyncio.to_thread(house.start, "worker")
    entries = await house.shipped(room)
    notes = [e["payload"] for e in entries if e["kind"] == "note"]
    (summary,) = [note["data"] for note in notes if note["name"] == "session_summary"]
    assert summary["room_name"] == "test-summary"
    assert summary["duration"] > 1
