"""An agent without a name, in a room that the service did not make, is continued too."""

import os
import signal
from collections.abc import Iterator

import pytest
from livekit import api

from tests.conftest import RULES
from tests.e2e.caller import Caller
from tests.e2e.house import House, standing_house
from tests.e2e.test_failover import GREETING, assert_one_voice
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

ROLE = "agent"


@pytest.fixture
def house(tmp_path) -> Iterator[House]:
    worker, unnamed = "tests.e2e.unnamed_worker", {"UNBROKEN_AGENT_NAME": ""}
    with standing_house(tmp_path, worker, RULES, **unnamed) as house:
        yield house


async def test_an_agent_without_a_name_has_a_successor(house, voice, ears):
    grants = api.VideoGrants(room_join=True, room="plain")
    token = api.AccessToken(house.key, house.secret).with_identity("ann").with_grants(grants)
    async with Caller.join(house.livekit_url, token.to_jwt(), voice) as caller:
        await caller.hear(after=0.0)
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        (conversation,) = house.get("/conversations")["conversations"]
        os.kill(house.job_pid("plain", role=ROLE), signal.SIGKILL)
        await until(lambda: session_of(house, conversation)["term"] == 2)
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
        heard = await caller.transcript(ears, after=asked)
        assert_one_voice(caller.voices)
    assert GREETING not in heard.lower()
    assert "still there" in heard.lower()
    found = await house.messages(conversation["id"], count=5)
    assert [m["role"] for m in found] == ["assistant", *["user", "assistant"] * 2]


def session_of(house: House, conversation: dict) -> dict:
    (session,) = house.sessions(conversation["id"], role=ROLE)
    return session
