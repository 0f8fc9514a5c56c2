"""Parts die or freeze in mid call: nothing is lost, nothing doubled, the reply is as quick."""

import asyncio
import os
import signal
import statistics

import pytest

from tests.e2e.caller import Caller
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

FROZEN_S = 20


async def ask(caller: Caller, text: str) -> float:
    """Ask, hear the answer out; seconds from end of speech to first sound."""
    asked = await caller.say(text)
    return await caller.hear(after=asked) - asked


async def test_keeper_service_and_job_are_killed_in_mid_call(house, voice):
    room = house.create_room("killed")
    conversation_id = room["conversation_id"]
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        await ask(caller, "This is before anything happens.")
        assert house.kill_keeper()
        await ask(caller, "Now the keeper is dead.")
        house.kill("service")
        await ask(caller, "Now the service is dead too.")
        await asyncio.to_thread(house.start, "service")
        await ask(caller, "And now it is back again.")
        found = await house.messages(conversation_id, count=9)
        assert [m["role"] for m in found] == ["assistant", *["user", "assistant"] * 4]
        await house.shipped(room)

        asked = await caller.say("Please tell me a long story.")
        await until(lambda: caller.sounded(after=asked))
        os.kill(house.holder_pid(room), signal.SIGKILL)
    await until(lambda: house.sessions(conversation_id)[0]["cause"] == "crashed")
    entries = await house.shipped(room)
    told = [e["payload"]["item"] for e in entries if e["kind"] == "item"]
    users = [item["content"][0] for item in told if item.get("role") == "user"]
    assert len(users) == len(set(users)) == 5


async def test_a_frozen_service_delays_no_reply(house, voice):
    room = house.create_room("frozen")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        before = [await ask(caller, f"Question number {n}, please.") for n in ("one", "two", "six")]
        house.signal("service", signal.SIGSTOP)
        thaw = asyncio.get_running_loop().time() + FROZEN_S
        during = []
        while asyncio.get_running_loop().time() < thaw:
            during.append(await ask(caller, "Are you still there?"))
        house.signal("service", signal.SIGCONT)
        found = await house.messages(room["conversation_id"], count=7 + 2 * len(during))
    print(
        f"end of speech to first sound, median: {statistics.median(before):.2f} s before, "
        f"{statistics.median(during):.2f} s while the service was frozen ({len(during)} turns)"
    )
    assert len(found) == 7 + 2 * len(during)
    assert [s["term"] for s in house.sessions(room["conversation_id"])] == [1]  # no takeover
    await house.shipped(room)


async def test_a_call_starts_while_the_service_is_down(house, voice):
    room = house.create_room("away")
    house.kill("service")
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        await ask(caller, "Is anybody there?")
        await asyncio.to_thread(house.start, "service")
        found = await house.messages(room["conversation_id"], count=3)
    assert [m["role"] for m in found] == ["assistant", "user", "assistant"]
    await house.shipped(room)
