"""The assistant as it comes: spoken to, killed in mid story, and asked to book a table."""

import asyncio
import os
import signal
import sqlite3
import time

import pytest

from agents.brain.stories import LIGHTHOUSE
from tests.e2e.caller import Caller
from tests.e2e.house import House

pytestmark = pytest.mark.e2e


async def test_a_story_survives_a_kill_and_a_table_is_booked_by_voice(voice, ears, tmp_path):
    with House(tmp_path, "agents.worker", UNBROKEN_LLM_URL="", UNBROKEN_DEMO="1") as house:
        room = house.create_room("written")
        async with Caller.join(room["url"], room["token"], voice) as caller:
            await caller.hear(after=0.0)
            asked = await caller.say("Please tell me a long story.")
            await caller.sentence_end(2, after=asked)
            await asyncio.sleep(1)
            os.kill(house.job_pid("written"), signal.SIGKILL)
            killed = time.monotonic()
            await caller.hear(after=killed + 0.3, quiet_s=2.5)
            rest = await caller.transcript(ears, after=killed + 0.3)
            asked = await caller.say("Book a table for two on Friday at eight, my name is Peter.")
            await caller.hear(after=asked, quiet_s=2.0)
            asked = await caller.say("Yes, please.")
            await caller.hear(after=asked)
        found = [(m["role"], m["content"]) for m in await house.messages(room["conversation_id"])]
    assert "how can i help" not in rest.lower()
    assert "slept all day" in rest.lower()
    told = [text for role, text in found if role == "assistant"]
    assert sum(text in LIGHTHOUSE for text in told) == 2  # until the kill, and from there on
    assert "is booked." in told[-1]
    with sqlite3.connect(house.folder / "bookings.sqlite") as connection:
        rows = connection.execute("select day, time, party from booking").fetchall()
    connection.close()
    assert rows == [("Friday", "20:00", 2)]
