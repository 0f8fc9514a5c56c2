"""Killed within the second of two questions that a tool asks: the call goes on with its answer."""

import os
import signal

import pytest

from tests.e2e.house import standing_house
from tests.e2e.test_hanging_up import ROLE, Caller, sessions
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    told = {"UNBROKEN_AGENT_NAME": ""}
    with standing_house(folder, "tests.e2e.task_worker", [], **told) as house:
        yield house


async def test_no_answer_is_asked_for_again_and_the_tool_comes_to_its_end(house):
    ann = await Caller(house, "desk", "ann").join()
    await ann.told("Welcome.")
    await ann.say("sign me up")
    await ann.told("What is your name?")
    await ann.say("answer one")
    await ann.told("What is your town?")
    os.kill(house.job_pid("desk", role=ROLE), signal.SIGKILL)
    await until(lambda: sessions(house, "desk")[0]["term"] == 2)
    await until(lambda: "recovered" in kinds(house))
    await ann.say("answer two")
    await ann.told("Signed up: answer one, answer two.")
    assert [line for line in ann.lines if line.startswith(("What", "Welcome"))] == [
        "Welcome.",
        "What is your name?",
        "What is your town?",
    ]
    (recovered,) = [e["payload"] for e in entries(house) if e["kind"] == "recovered"]
    assert recovered["report"]["tasks"] == "exact"
    assert set(recovered["report"].values()) == {"exact"}
    await ann.room.disconnect()


def entries(house):
    return house.entries(sessions(house, "desk")[0]["id"])


def kinds(house):
    return [entry["kind"] for entry in entries(house)]
