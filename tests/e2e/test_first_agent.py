"""The first dispatch is lost: no worker is there, all are busy, or they are deployed over. The
caller is answered all the same, once, and is told meanwhile why nobody speaks."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

import httpx
import pytest
from livekit import rtc

from agents.speech.hibari import HibariTTS
from tests.e2e.caller import Caller
from tests.e2e.house import House, standing_house
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

RULES = [["", "I heard you say {heard}"]]
LATE_S = 8.0
BUSY_S = 6.0
LOAD_S = 1.5  # the worker tells its load twice a second
SETTLED_S = 4.0  # who came twice, or with an old worker, has left by then; who greets has begun


class Answered(NamedTuple):
    """Seconds from the join to the first voice, and from the moment a worker could take the job
    to that of the agent who stays; `greeted`: it spoke by itself."""

    waited_s: float
    after_worker_s: float
    greeted: bool


Outcome = Answered | BaseException


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("first")
    (folder / "state").mkdir()
    variables = {"UNBROKEN_TEST_STATE": str(folder / "state")}
    with standing_house(folder, "tests.e2e.first_worker", RULES, **variables) as house:
        yield house


async def worker_late(
    house: House, names: Sequence[str], voice: HibariTTS, *, late_s: float = LATE_S
) -> list[Outcome]:
    """The rooms are opened and joined while there is no worker at all."""
    house.kill("worker")
    async with _calling(house, names, voice) as callers:
        await asyncio.sleep(late_s)
        await asyncio.to_thread(house.start, "worker")
        return await _all_answered(house, callers, ready=time.monotonic())


async def worker_busy(
    house: House, names: Sequence[str], voice: HibariTTS, *, busy_s: float = BUSY_S
) -> list[Outcome]:
    """The only worker is above its load threshold for a while."""
    busy = house.folder / "state" / "busy"
    busy.touch()
    try:
        await asyncio.sleep(LOAD_S)
        async with _calling(house, names, voice) as callers:
            await asyncio.sleep(busy_s)
            busy.unlink()
            return await _all_answered(house, callers, ready=time.monotonic())
    finally:
        busy.unlink(missing_ok=True)


async def worker_deployed_over(
    house: House, names: Sequence[str], voice: HibariTTS, *, after_s: float = 0.1
) -> list[Outcome]:
    """The old worker is told to end `after_s` after the rooms were opened (before, if that is
    negative), and a new one is started at once."""
    old, new = ("worker", "worker2") if "worker" in house.processes else ("worker2", "worker")
    if after_s < 0:
        _end(house, old)
        await asyncio.sleep(-after_s)
    async with _calling(house, names, voice) as callers:
        if after_s >= 0:
            await asyncio.sleep(after_s)
            _end(house, old)
        await asyncio.to_thread(house.start, new)
        answered = await _all_answered(house, callers, ready=time.monotonic())
    house.kill(old)
    return answered


def _end(house: House, name: str) -> None:
    """As a supervisor does: the main process, not its jobs."""
    os.kill(house.processes[name].pid, signal.SIGTERM)


@contextlib.asynccontextmanager
async def _calling(
    house: House, names: Sequence[str], voice: HibariTTS
) -> AsyncIterator[list[Caller]]:
    async with contextlib.AsyncExitStack() as stack:
        callers = []
        for name in names:
            room = house.create_room(name)
            joining = Caller.join(room["url"], room["token"], voice)
            callers.append(await stack.enter_async_context(joining))
        yield callers


async def _all_answered(house: House, callers: Sequence[Caller], *, ready: float) -> list[Outcome]:
    each = (_answered(house, caller, ready=ready) for caller in callers)
    return await asyncio.gather(*each, return_exceptions=True)


async def _answered(house: House, caller: Caller, *, ready: float) -> Answered:
    """One agent is there and is heard: it greets, or answers, when a former one had begun to."""
    agent = await _one_agent(caller)
    room = await asyncio.to_thread(house.get, f"/rooms/{caller.room.name}")
    assert room["waiting"] is None
    greeted = bool(_first(caller, agent))
    if not greeted:
        await caller.say("Hello, is anybody there?")
    await until(lambda: _first(caller, agent))
    waited_s = caller.sounded(after=caller.joined) - caller.joined
    return Answered(waited_s, _first(caller, agent) - ready, greeted)


async def _one_agent(caller: Caller) -> str:
    """Who has been there alone for SETTLED_S, and was not told to end."""
    since, last = time.monotonic(), ""

    def is_settled() -> bool:
        nonlocal since, last
        here = [p.identity for p in caller.room.remote_participants.values() if _is_agent(p)]
        one = here[0] if len(here) == 1 else ""
        if one != last:
            since, last = time.monotonic(), one
        return bool(last) and time.monotonic() - since >= SETTLED_S

    await until(is_settled)
    return last


def _first(caller: Caller, agent: str) -> float:
    """When that agent was first heard; 0: not yet."""
    return next((at for at, who in caller.voices if who == agent), 0.0)


def _is_agent(participant: rtc.Participant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


def all_well(outcomes: list[Outcome]) -> None:
    print(outcomes)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def test_a_worker_that_is_late(house, voice):
    telling = asyncio.create_task(told(house, "late"))
    all_well(await worker_late(house, ["late"], voice))
    waiting = await telling
    assert waiting["agent_name"] == "concierge"
    assert "concierge" in waiting["because"]


async def told(house: House, name: str) -> dict[str, Any]:
    """What GET /rooms/{name} says while nobody has come."""
    while True:
        await asyncio.sleep(0.2)
        with contextlib.suppress(httpx.HTTPError):  # not opened yet
            if waiting := (await asyncio.to_thread(house.get, f"/rooms/{name}"))["waiting"]:
                return dict(waiting)


async def test_a_worker_that_is_busy(house, voice):
    all_well(await worker_busy(house, ["busy"], voice))


async def test_a_worker_that_is_deployed_over(house, voice):
    all_well(await worker_deployed_over(house, ["deployed"], voice))
