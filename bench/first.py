"""The first dispatch is lost, in three ways, again and again: is the caller answered, and how soon.

Each time a new call with a voice through a real livekit-server. The worker starts eight seconds
after the person has joined; it is above LiveKit's load threshold for six; or it is told to end at
a moment around the dispatch, while a new one starts. A try counts when the caller was greeted and
one agent is in the room.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agents.speech.hibari import HibariTTS
from bench import figures
from bench.kills import house_in
from bench.report import Noise, Run
from tests.e2e.house import House
from tests.e2e.test_first_agent import Answered, worker_busy, worker_deployed_over, worker_late

TRIES, TRIES_QUICK = 20, 1
FIRST_S, STEP_S = -0.8, 0.1  # when the old worker is told to end, from the opening of the room
Attempt = Callable[[House, str, HibariTTS, int], Awaitable[Answered]]


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _late(house: House, name: str, voice: HibariTTS, _number: int) -> Answered:
    return await worker_late(house, name, voice)


async def _busy(house: House, name: str, voice: HibariTTS, _number: int) -> Answered:
    return await worker_busy(house, name, voice)


async def _deployed(house: House, name: str, voice: HibariTTS, number: int) -> Answered:
    after_s = round(FIRST_S + STEP_S * number, 1)
    return await worker_deployed_over(house, name, voice, after_s=after_s)


WAYS: dict[str, Attempt] = {
    "busy for 6 s": _busy,
    "late by 8 s": _late,
    "deployed over": _deployed,
}


async def _measure(run: Run) -> None:
    voice = HibariTTS()
    tries: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        house_in(Path(folder), worker="tests.e2e.first_worker") as house,
    ):
        for way, attempt in WAYS.items():
            for number in range(TRIES_QUICK if run.is_quick else TRIES):
                name = f"{way.split()[0]}-{number}"
                tries[way].append(await _one(attempt, house, name, voice, number))
                run.say(f"{way}, {number + 1}: {tries[way][-1]}")
    run.keep({"tries": tries}, noise, _page(tries))


async def _one(
    attempt: Attempt, house: House, name: str, voice: HibariTTS, number: int
) -> dict[str, Any]:
    try:
        answered = await attempt(house, name, voice, number)
    except (AssertionError, TimeoutError, OSError) as error:
        return {"problem": f"{type(error).__name__}: {error}"[:200]}
    return {
        "waited_s": round(answered.waited_s, 2),
        "after_worker_s": round(answered.after_worker_s, 2),
        "problem": None,
    }


def _page(tries: dict[str, list[dict[str, Any]]]) -> str:
    rows, problems = [], []
    for way, some in tries.items():
        good = [one for one in some if one["problem"] is None]
        problems += [f"{way}: {one['problem']}" for one in some if one["problem"]]
        waited = [one["waited_s"] for one in good]
        after = [one["after_worker_s"] for one in good]
        spread = [
            f"{figures.quantile(v, 0.5):.1f} / {max(v):.1f}" if v else "-" for v in (waited, after)
        ]
        rows.append([f"the worker is {way}", f"{len(good)} of {len(some)}", *spread])
    head = ["the first dispatch is lost", "answered", "from the join, s: p50 / max"]
    table = figures.table([*head, "from the worker's readiness, s: p50 / max"], rows)
    return "\n".join([table, "", *problems])
