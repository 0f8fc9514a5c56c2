"""The time of a turn, with stand-ins for recognition (50 ms), model (500 ms) and voice (200 ms).

Calls in every way go on side by side, so far apart that no two keep anything at the same moment.
One of them keeps nothing: what the others take beyond it is what keeping costs.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from bench import figures
from bench.comparison.names import NATIVE, NOTHING, OURS, REDIS
from bench.comparison.said import text
from bench.comparison.servers import Servers
from bench.comparison.talkers import Places, Talker, talking
from bench.report import Run

STT_S, LLM_S, TTS_S = 0.05, 0.5, 0.2
WAYS = (NOTHING, REDIS, NATIVE, OURS["SQLite"])
PHASE_S = 0.12  # from one way to the next
PERIOD_S = 1.3  # from one turn to the next
TURNS, TURNS_QUICK = (20, 2_000), (20,)  # behind the call
ROUNDS, ROUNDS_QUICK = 20, 3


async def measured(run: Run, servers: Servers) -> list[dict[str, Any]]:
    places = Places(servers.redis.url, servers.backend.url, servers.sqlite.spool)
    rounds = ROUNDS_QUICK if run.is_quick else ROUNDS
    rows = []
    for turns in TURNS_QUICK if run.is_quick else TURNS:
        took = await _beside(places, turns, rounds)
        base = took[NOTHING]
        rows += [
            {
                "turn": turns,
                "way": way,
                "ms": figures.described(took[way], 2),
                "beyond": figures.paired(base, took[way]) if way != NOTHING else None,
            }
            for way in WAYS
        ]
        run.say(f"turns at turn {turns:,}")
    return rows


async def _beside(places: Places, turns: int, rounds: int) -> dict[str, list[float]]:
    """ms of each turn, by way."""
    async with AsyncExitStack() as stack:
        talkers = [
            await stack.enter_async_context(
                talking(way, f"pipeline {at} {turns}", places, turns=turns)
            )
            for at, way in enumerate(WAYS)
        ]
        began = time.monotonic() + 1
        rows = await asyncio.gather(
            *(_turns(talker, began + at * PHASE_S, rounds) for at, talker in enumerate(talkers))
        )
    return dict(zip(WAYS, rows, strict=True))


async def _turns(talker: Talker, began: float, rounds: int) -> list[float]:
    took = []
    for number in range(rounds):
        await asyncio.sleep(max(0.0, began + number * PERIOD_S - time.monotonic()))
        took.append(await _turn(talker, 2 * number))
    return took


async def _turn(talker: Talker, number: int) -> float:
    question, answer = text("pipeline", number), text("pipeline", number + 1)
    began = time.perf_counter_ns()
    await asyncio.sleep(STT_S)
    await talker.heard(question)
    await asyncio.sleep(LLM_S)
    await talker.answered(question, answer)
    await asyncio.sleep(TTS_S)
    return (time.perf_counter_ns() - began) / 1e6
