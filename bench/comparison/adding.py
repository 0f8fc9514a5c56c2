"""What it takes to add one message at turn 20, 200, 2,000 and 20,000 of a call, in every way.

A turn is two messages. The ways take turns, each time in another order, a few messages at a time;
a visit to a slow one is short. No call grows by more than a quarter while it is measured.
"""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import figures
from bench.comparison.holders import Holder
from bench.comparison.said import text
from bench.comparison.ways import Way
from bench.report import Run


@dataclass(frozen=True)
class Cell:
    """At turn `turns`: so many rounds, messages in each, and whether each has a call of its own."""

    turns: int
    rounds: int
    messages: int
    is_fresh: bool


CELLS = (
    Cell(20, 20, 10, is_fresh=True),
    Cell(200, 8, 25, is_fresh=True),
    Cell(2_000, 6, 25, is_fresh=False),
    Cell(20_000, 3, 50, is_fresh=False),
)
QUICK = (Cell(20, 2, 5, is_fresh=True), Cell(200, 2, 5, is_fresh=True))
VISIT_S = 0.25


async def measured(run: Run, ways: Sequence[Way]) -> list[dict[str, Any]]:
    rows = []
    for cell in QUICK if run.is_quick else CELLS:
        took = await _cell(cell, ways)
        rows += [
            {"turn": cell.turns, "way": w.name, "level": w.level, "us": figures.described(took[w])}
            for w in ways
        ]
        run.say(f"added at turn {cell.turns:,}")
    return rows


async def _cell(cell: Cell, ways: Sequence[Way]) -> dict[Way, list[float]]:
    took: dict[Way, list[float]] = {way: [] for way in ways}
    calls: dict[Way, Holder] = {}
    for number in range(cell.rounds):
        for way in turned(ways, number):
            if cell.is_fresh or way not in calls:
                calls[way] = await _call(way, f"turn {cell.turns} call {number}", cell.turns)
            first = 2 * cell.turns + len(took[way])
            took[way] += await _visit(calls[way], first, cell.messages)
    gc.unfreeze()
    return took


async def _call(way: Way, room: str, turns: int) -> Holder:
    call = await way.hold(room, [text(room, number) for number in range(2 * turns)])
    gc.collect()
    gc.freeze()  # what one way holds in memory does not slow down another
    return call


async def _visit(call: Holder, first: int, messages: int) -> list[float]:
    """µs of each."""
    took: list[float] = []
    end = time.monotonic() + VISIT_S
    while len(took) < messages and (not took or time.monotonic() < end):
        said = text("more", first + len(took))
        began = time.perf_counter_ns()
        await call.add(first + len(took), said)
        took.append((time.perf_counter_ns() - began) / 1e3)
    return took


def turned(ways: Sequence[Way], number: int) -> list[Way]:
    """In another order each time."""
    at = number % len(ways)
    order = [*ways[at:], *ways[:at]]
    return order if number % 2 else order[::-1]
