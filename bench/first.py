"""The first dispatch is lost, in three ways, again and again: is the caller answered, and how soon.

Each time four new calls through a real livekit-server. The worker starts eight seconds
after the person has joined; it is above LiveKit's load threshold for six; or it is told to end at
a moment around the dispatch, while a new one starts. A call counts when one agent is in
the room and the caller hears it: greeting by itself, or answering where a former one had begun to.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from agents.speech.hibari import HibariTTS
from bench import figures
from bench.kills import house_in
from bench.report import Noise, Run
from tests.e2e.house import House
from tests.e2e.test_first_agent import Outcome, worker_busy, worker_deployed_over, worker_late

TRIES, TRIES_QUICK = 20, 4
AT_ONCE = 4  # callers in each round
FIRST_S, STEP_S = -0.8, 0.4  # when the old worker is told to end, from the opening of the rooms
Round = Callable[[House, Sequence[str], HibariTTS, int], Awaitable[list[Outcome]]]


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _late(house: House, names: Sequence[str], voice: HibariTTS, _n: int) -> list[Outcome]:
    return await worker_late(house, names, voice)


async def _busy(house: House, names: Sequence[str], voice: HibariTTS, _n: int) -> list[Outcome]:
    return await worker_busy(house, names, voice)


async def _deployed(house: House, names: Sequence[str], voice: HibariTTS, n: int) -> list[Outcome]:
    return await worker_deployed_over(house, names, voice, after_s=round(FIRST_S + STEP_S * n, 1))


WAYS: dict[str, Round] = {"busy for 6 s": _busy, "late by 8 s": _late, "deployed over": _deployed}


async def _measure(run: Run) -> None:
    voice = HibariTTS()
    tries: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    rounds = (TRIES_QUICK if run.is_quick else TRIES) // AT_ONCE
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        house_in(Path(folder), worker="tests.e2e.first_worker") as house,
    ):
        for way, go in WAYS.items():
            for number in range(rounds):
                names = [f"{way.split()[0]}-{number}-{caller}" for caller in range(AT_ONCE)]
                tries[way] += [_told(o) for o in await go(house, names, voice, number)]
                run.say(f"{way}, {number + 1}: {tries[way][-AT_ONCE:]}")
    run.keep({"tries": tries}, noise, _page(tries))


def _told(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, BaseException):
        return {"problem": f"{type(outcome).__name__}: {outcome}"[:200]}
    waited_s, after_s = round(outcome.waited_s, 2), round(outcome.after_worker_s, 2)
    told = {"waited_s": waited_s, "after_worker_s": after_s, "greeted": outcome.greeted}
    return told | {"problem": None}


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
        greeted = sum(one["greeted"] for one in good)
        rows.append([f"the worker is {way}", f"{len(good)} of {len(some)}", greeted, *spread])
    head = [
        "the first dispatch is lost",
        "answered",
        "by a greeting",
        "from the join, s: p50 / max",
    ]
    table = figures.table([*head, "from the worker's readiness, s: p50 / max"], rows)
    return "\n".join([table, "", *problems])
