"""What a scan costs, in pairs with how it was at the commit BEFORE: the same script, on the same
machine, by turns."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import figures
from bench.report import ROOT, Noise, Run

BEFORE = "c3824ac"  # the last one without digests
ROUNDS, ROUNDS_QUICK = 5, 2
CELLS = ((10, 2, 100), (1_000, 1, 100), (5_000, 1, 100))  # items, calls, events in each
SIDES = ("before", "now")
WHAT = ("nothing new", "a new message")
SCRIPT = "from bench import scans; scans.main()"


def measure(run: Run) -> None:
    taken: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        before = Path(folder, "before")
        git("worktree", "add", "--detach", "-q", str(before), BEFORE)
        try:
            (before / "bench/scans.py").write_bytes(Path(__file__).read_bytes())
            trees = {"before": before, "now": ROOT}
            for number in range(ROUNDS_QUICK if run.is_quick else ROUNDS):
                run.say(f"round {number + 1}")
                for side in SIDES if number % 2 else reversed(SIDES):
                    taken[side].append(once(trees[side]))
        finally:
            git("worktree", "remove", "--force", str(before))
    rows = [row(items, what, taken) for items, _, _ in CELLS for what in WHAT]
    run.keep({"before": BEFORE, "rows": rows, "raw": taken}, noise, page(rows))


def once(tree: Path) -> dict[str, Any]:
    """One process of that tree."""
    environment = os.environ | {"PYTHONPATH": f"{tree}/src:{tree}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """In the process that is measured: CPU time of each scan, in µs."""
    print(json.dumps(asyncio.run(scanned())))


async def scanned() -> dict[str, list[float]]:
    from bench.scan import PAUSE_S, Conversation, assert_kept  # noqa: PLC0415 - of that tree
    from bench.shipping import open_spool  # noqa: PLC0415

    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        spool = open_spool(Path(folder))
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


def row(items: int, what: str, taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Both sides, and the median over the rounds of what the one cost in parts of the other."""
    cell = f"{items} {what}"
    sides = {
        side: figures.described([us for each in rounds for us in each[cell]])
        for side, rounds in taken.items()
    }
    pairs = zip(taken["before"], taken["now"], strict=True)
    ratios = [median(now[cell]) / median(before[cell]) for before, now in pairs]
    return {"items": items, "what": what, **sides, "ratio": round(median(ratios), 2)}


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        [r["items"], r["what"], *(r[s][q] for s in SIDES for q in ("p50", "p99")), r["ratio"]]
        for r in rows
    ]
    head = ["items in the call", "", f"p50 at {BEFORE}", "p99", "p50 now", "p99", "ratio of p50"]
    return f"CPU of `Hooks.scan`, µs, in pairs:\n\n{figures.table(head, lines)}"


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)
