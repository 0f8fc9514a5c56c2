"""An assistant and a supervisor in one room share an order and pass the floor; one is killed in
mid sentence, and the other notices nothing of it."""

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.caller import Caller
from tests.e2e.floor_worker import ASKS, ASSISTANT, HEARS, OFFERS, SUPERVISOR, TELLS
from tests.e2e.house import House, standing_house
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

SPOKEN_S = 2.0  # of twelve: then the supervisor is killed


@pytest.fixture
def house(tmp_path) -> Iterator[House]:
    (tmp_path / "state").mkdir()
    variables = {"UNBROKEN_TEST_STATE": str(tmp_path / "state")}
    with standing_house(tmp_path, "tests.e2e.floor_worker", [], **variables) as house:
        house.start("worker2")
        yield house


def seen(house: House, role: str, pid: int) -> dict[str, Any]:
    """By that agent, of the room."""
    path = house.folder / "state" / f"hall.{role}.{pid}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def session(house: House, room: dict[str, Any], role: str) -> dict[str, Any]:
    (found,) = house.sessions(room["conversation_id"], role=role)
    return found


def in_turn(caller: Caller) -> list[str]:
    return [who for who, _ in itertools.groupby(who for _, who in caller.voices)]


async def test_two_agents_pass_the_floor_and_one_is_killed_in_mid_sentence(house):
    room = house.create_room("hall", agents=[ASSISTANT, SUPERVISOR], identity="ann")
    async with Caller.join(room["url"], room["token"], None) as caller:
        await until(lambda: session_is_speaking(house, room, SUPERVISOR, caller))
        dead, living = house.job_pid("hall", role=SUPERVISOR), house.job_pid("hall", role=ASSISTANT)
        before = session(house, room, SUPERVISOR)
        assert seen(house, ASSISTANT, living)["holder"] == SUPERVISOR
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > SPOKEN_S)
        os.kill(dead, signal.SIGKILL)
        await until(lambda: session(house, room, SUPERVISOR)["term"] == 2)
        said = await house.messages(room["conversation_id"], count=4)
        await caller.hear(after=caller.voices[-1][0] - 0.1)
    first, second = before["agent_identity"], session(house, room, SUPERVISOR)["agent_identity"]
    mine = session(house, room, ASSISTANT)
    assert in_turn(caller) == [mine["agent_identity"], first, second, mine["agent_identity"]]
    assert (mine["term"], house.job_pid("hall", role=ASSISTANT)) == (1, living)
    assert seen(house, ASSISTANT, living)["order"] == {"soup": 1, "cake": 1}
    read = [
        (ASSISTANT if m["session_id"] == mine["id"] else SUPERVISOR, m["content"]) for m in said
    ]
    assert seen(house, ASSISTANT, living)["heard"] == [list(line) for line in read[:-1]]
    assert [m["session_id"] for m in said] == [
        mine["id"], before["id"], before["id"], mine["id"]
    ]  # fmt: skip
    assert [said[0]["content"], said[-1]["content"]] == [ASKS, TELLS.format("cake", "soup")]
    assert (HEARS.format("it was late")).startswith(said[1]["content"][:40])
    assert said[2]["content"].endswith(OFFERS.split(". ")[-1])


def session_is_speaking(house: House, room: dict[str, Any], role: str, caller: Caller) -> bool:
    found = house.sessions(room["conversation_id"], role=role)
    return bool(found and caller.voices and caller.voices[-1][1] == found[0]["agent_identity"])
