"""What it takes to read and to write one value of a call's state, at turn 20 and 2,000."""

import time
from collections.abc import Sequence
from typing import Any

from bench import figures
from bench.comparison.adding import turned
from bench.comparison.holders import OfState
from bench.comparison.names import OF_STATE
from bench.comparison.said import text
from bench.comparison.ways import Way
from bench.report import Run

TURNS, TURNS_QUICK = (20, 2_000), (20,)
ROUNDS, ROUNDS_QUICK = 10, 2
EACH = 20  # reads and writes in a round


async def measured(run: Run, ways: Sequence[Way]) -> list[dict[str, Any]]:
    rows = []
    those = [way for way in ways if way.name in OF_STATE]
    for turns in TURNS_QUICK if run.is_quick else TURNS:
        before = [text("state", number) for number in range(2 * turns)]
        calls = {way: await way.hold(f"state {turns}", before) for way in those}
        took: dict[tuple[Way, str], list[float]] = {
            (way, what): [] for way in those for what in ("get", "set")
        }
        for number in range(ROUNDS_QUICK if run.is_quick else ROUNDS):
            for way in turned(those, number):
                got, put = await _visit(calls[way])  # type: ignore[arg-type]
                took[way, "get"] += got
                took[way, "set"] += put
        rows += [
            {"turn": turns, "way": way.name, "what": what, "us": figures.described(us, 2)}
            for (way, what), us in took.items()
        ]
    run.say("state read and written")
    return rows


async def _visit(call: OfState) -> tuple[list[float], list[float]]:
    """µs of each read, of each write."""
    got, put = [], []
    for number in range(EACH):
        began = time.perf_counter_ns()
        await call.set("table", {"people": number, "window": True})
        between = time.perf_counter_ns()
        await call.get("table")
        got.append((time.perf_counter_ns() - between) / 1e3)
        put.append((between - began) / 1e3)
    return got, put
