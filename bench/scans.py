"""What a scan costs, in pairs with how it was at the commit BEFORE: the same script, on the same
machine, by turns."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from bench import figures, pairs
from bench.report import Run

BEFORE = "c3824ac"  # the last one without digests
ROUNDS, ROUNDS_QUICK = 5, 2
CELLS = ((10, 2, 100), (1_000, 1, 100), (5_000, 1, 100))  # items, calls, events in each
WHAT = ("nothing new", "a new message")


def measure(run: Run) -> None:
    rounds = ROUNDS_QUICK if run.is_quick else ROUNDS
    taken, noise = pairs.measured(run, Path(__file__), BEFORE, rounds)
    rows = [row(items, what, taken) for items, _, _ in CELLS for what in WHAT]
    run.keep({"before": BEFORE, "rows": rows, "raw": taken}, noise, page(rows))


def main() -> None:
    """In the process that is measured: CPU time of each scan, in µs."""
    print(json.dumps(asyncio.run(scanned())))


async def scanned() -> dict[str, list[float]]:
    from bench.scan import PAUSE_S, Conversation, assert_kept  # noqa: PLC0415 - of that tree
    from unbroken.env import Host  # noqa: PLC0415
    from unbroken.journal.spool import Spool  # noqa: PLC0415

    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool.open(Host(), folder)
        for items, calls, count in CELLS:
            quiet, busy = (found.setdefault(f"{items} {what}", []) for what in WHAT)
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


def row(items: int, what: str, taken: pairs.Taken) -> dict[str, Any]:
    """Both sides, and the median over the rounds of what the one cost in parts of the other."""
    cell = f"{items} {what}"
    sides = {s: figures.described(pairs.values(taken, s, cell)) for s in pairs.SIDES}
    return {"items": items, "what": what, **sides, "ratio": pairs.ratio(taken, cell)}


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        [r["items"], r["what"], *(r[s][q] for s in pairs.SIDES for q in ("p50", "p99")), r["ratio"]]
        for r in rows
    ]
    head = ["items in the call", "", f"p50 at {BEFORE}", "p99", "p50 now", "p99", "ratio of p50"]
    return f"CPU of `Hooks.scan`, µs, in pairs:\n\n{figures.table(head, lines)}"
