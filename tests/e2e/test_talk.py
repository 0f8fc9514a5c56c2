"""A person talks to the assistant through the real server: all of it is in the database."""

import asyncio

import pytest

from tests.e2e.caller import Caller
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e


async def test_both_sides_are_heard_and_stored_in_order(house, voice, ears):
    room = house.create_room("talk")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        asked = await caller.say("Good morning, can you hear me?")
        began = await caller.hear(after=asked)
        heard = await caller.transcript(ears, after=asked)
        levels = [message["level"] for message in caller.safety]
    print(f"end of speech to first sound: {began - asked:.2f} s")
    found = await house.messages(room["conversation_id"], count=3)
    assert [m["role"] for m in found] == ["assistant", "user", "assistant"]
    assert "good morning" in found[1]["content"].lower()
    assert found[1]["speaker"] == room["identity"]
    assert "good morning" in heard.lower()
    assert levels == ["process", "disk", "service"] * 3
    await house.shipped(room)


async def test_what_was_heard_of_an_interrupted_reply(house, voice, ears):
    room = house.create_room("interrupted")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        asked = await caller.say("Please tell me a long story.")
        began = await until(lambda: caller.sounded(after=asked))
        await asyncio.sleep(4)
        stopped = await caller.say("Thank you, that is quite enough for today.")
        await caller.hear(after=stopped)
        heard = await caller.transcript(ears, after=began, before=stopped)
    found = await house.messages(room["conversation_id"], count=5)
    story = found[2]
    assert story["role"] == "assistant"
    assert story["interrupted"]
    written, really = story["content"].split(), heard.split()
    print(f"heard {len(really)} words, recorded {len(written)}, {story['heard_ms']} ms")
    # At the edges Moonshine may lose or make up a word beside the four that pacing may be off.
    assert abs(len(written) - len(really)) <= 6
    assert 3_000 <= story["heard_ms"] <= 9_000
    entries = await house.shipped(room)
    put = next(e["payload"] for e in entries if e["payload"].get("heard_ms") == story["heard_ms"])
    assert put["generated"].startswith(story["content"][:20])
    assert len(put["generated"]) > len(story["content"])
