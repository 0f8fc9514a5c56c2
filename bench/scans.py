"""What `record` and a scan cost, in pairs with how it was at the commit BEFORE: the same script, on
the same machine, by turns."""

import asyncio
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures, pairs
from bench.calls import open_live
from bench.report import Run
from bench.scan import PAUSE_S, Conversation, assert_kept
from bench.shipping import puts
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.entries import ItemPut

BEFORE = "9f55ec1"  # the last one that put each lone entry into a group
ROUNDS, ROUNDS_QUICK = 5, 2
CELLS = ((10, 2, 100), (1_000, 1, 100), (5_000, 1, 100))  # items, calls, events in each
WHAT = ("nothing new", "a new message")
RECORD, RECORDED, GIVE_WAY = "record", 5_000, 20
LOOP, LOOPED = "1,000 nothing new, in a loop", 300  # one right behind the other
PARTS = {  # of a scan: file and function
    "lists": ("lists.py", "scan"),
    "options": ("claims.py", "scan_options"),
    "userdata and attributes": ("hooks.py", "_scan_state"),
    "digests": ("claims.py", "record"),
    "all": ("hooks.py", "scan"),
}


def measure(run: Run) -> None:
    rounds = ROUNDS_QUICK if run.is_quick else ROUNDS
    taken, noise = pairs.measured(run, Path(__file__), BEFORE, rounds)
    cells = [RECORD, *(f"{items:,} {what}" for items, _, _ in CELLS for what in WHAT), LOOP]
    rows = [row(cell, taken) for cell in cells]
    parts = {part: pairs.values(taken, "now", part)[0] for part in PARTS}
    found = {"before": BEFORE, "rows": rows, "parts_s": parts, "raw": taken}
    run.keep(found, noise, page(rows, parts))


def main() -> None:
    """In the process that is measured: CPU time of each, in µs."""
    print(json.dumps(asyncio.run(scanned())))


async def recorded(live: Live, made: list[ItemPut]) -> list[float]:
    found = []
    for number, put in enumerate(made):
        began = time.thread_time_ns()
        live.record(put)
        found.append((time.thread_time_ns() - began) / 1e3)
        if number % GIVE_WAY == 0:
            await asyncio.sleep(0)
    return found


async def scanned() -> dict[str, list[float]]:
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
        found |= await looped(spool)
    return found


async def looped(spool: Spool) -> dict[str, list[float]]:
    """Scans with warm caches, and under a profiler: seconds in each of the PARTS."""
    conversation = Conversation(spool)
    await conversation.start(1_000)
    times = [conversation.scan()[1] for _ in range(LOOPED)]
    with cProfile.Profile() as profile:
        for _ in range(LOOPED):
            conversation.scan()
    await conversation.close()
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = {
        (Path(file).name, name): cumulated for (file, _, name), (*_, cumulated, _) in stats.items()
    }
    return {LOOP: times} | {part: [spent[where]] for part, where in PARTS.items()}


def row(cell: str, taken: pairs.Taken) -> dict[str, Any]:
    """Both sides, and the median over the rounds of what the one cost in parts of the other."""
    sides = {s: figures.described(pairs.values(taken, s, cell)) for s in pairs.SIDES}
    return {"cell": cell, **sides, "ratio": pairs.ratio(taken, cell)}


def page(rows: list[dict[str, Any]], parts: dict[str, float]) -> str:
    lines = [
        [r["cell"], *(r[s][q] for s in pairs.SIDES for q in ("p50", "p99")), r["ratio"]]
        for r in rows
    ]
    head = ["", f"p50 at {BEFORE}", "p99", "p50 now", "p99", "ratio of p50"]
    shares = [[part, f"{100 * s / parts['all']:.0f} %"] for part, s in parts.items()]
    return (
        "CPU of `Live.record` and, at so many items in the call, of `Hooks.scan`, µs, in pairs:"
        f"\n\n{figures.table(head, lines)}"
        "\n\nOf a scan that finds nothing new in 1,000 items, in a loop under cProfile:"
        f"\n\n{figures.table(['part', 'share of its time'], shares)}"
    )
