"""What `record` and a scan cost, in pairs with how it was at the commit BEFORE: the same script, on
the same machine, by turns."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures, pairs
from bench.report import Run

BEFORE = "9f55ec1"  # the last one that put each lone entry into a group
ROUNDS, ROUNDS_QUICK = 5, 2
CELLS = ((10, 2, 100), (1_000, 1, 100), (5_000, 1, 100))  # items, calls, events in each
WHAT = ("nothing new", "a new message")
RECORD, RECORDED, GIVE_WAY = "record", 5_000, 20


def measure(run: Run) -> None:
    rounds = ROUNDS_QUICK if run.is_quick else ROUNDS
    taken, noise = pairs.measured(run, Path(__file__), BEFORE, rounds)
    cells = [RECORD, *(f"{items:,} {what}" for items, _, _ in CELLS for what in WHAT)]
    rows = [row(cell, taken) for cell in cells]
    run.keep({"before": BEFORE, "rows": rows, "raw": taken}, noise, page(rows))


def main() -> None:
    """In the process that is measured: CPU time of each, in µs."""
    print(json.dumps(asyncio.run(scanned())))


async def recorded(live: Any, puts: list[Any]) -> list[float]:
    found = []
    for number, put in enumerate(puts):
        began = time.thread_time_ns()
        live.record(put)
        found.append((time.thread_time_ns() - began) / 1e3)
        if number % GIVE_WAY == 0:
            await asyncio.sleep(0)
    return found


async def scanned() -> dict[str, list[float]]:
    from bench.calls import open_live  # noqa: PLC0415 - of that tree
    from bench.scan import PAUSE_S, Conversation, assert_kept  # noqa: PLC0415
    from bench.shipping import puts  # noqa: PLC0415
    from unbroken.env import Host  # noqa: PLC0415
    from unbroken.journal.spool import Spool  # noqa: PLC0415

    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool.open(Host(), folder)
        live = open_live(spool, "bench-record")
        found[RECORD] = await recorded(live, puts(RECORDED))
        await live.close("ended")
        for items, calls, count in CELLS:
            quiet, busy = (found.setdefault(f"{items:,} {what}", []) for what in WHAT)
            for _ in range(calls):
                conversation = Conversation(spool)
                await conversation.start(items)
                for number in range(count):
                    await asyncio.sleep(PAUSE_S)
                    quiet.append(conversation.scan()[1])
                    conversation.grow(1, first=items + number)
                    busy.append(conversation.scan()[1])
                assert_kept(conversation.live, items + count)
                await conversation.close()
    return found


def row(cell: str, taken: pairs.Taken) -> dict[str, Any]:
    """Both sides, and the median over the rounds of what the one cost in parts of the other."""
    sides = {s: figures.described(pairs.values(taken, s, cell)) for s in pairs.SIDES}
    return {"cell": cell, **sides, "ratio": pairs.ratio(taken, cell)}


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        [r["cell"], *(r[s][q] for s in pairs.SIDES for q in ("p50", "p99")), r["ratio"]]
        for r in rows
    ]
    head = ["", f"p50 at {BEFORE}", "p99", "p50 now", "p99", "ratio of p50"]
    return (
        "CPU of `Live.record` and, at so many items in the call, of `Hooks.scan`, µs, in pairs:"
        f"\n\n{figures.table(head, lines)}"
    )
