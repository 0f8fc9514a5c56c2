"""What a batch costs the service, in pairs with how it was at the commit BEFORE: the same script,
on the same machine, by turns."""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures, pairs, shipping
from bench.report import Run
from unbroken.testing.holders import Holder

try:
    from unbroken.archive.http import RemoteArchive
except ImportError:  # as it was called at BEFORE
    from unbroken.remote import RemoteArchive

BEFORE = "754885b"  # the last one that put the lines of a batch one by one
ROUNDS, ROUNDS_QUICK = 5, 2
REQUESTS, WARM = 60, 10
CELLS = {"100 of one session": (1, 100), "5 of each of 20": (20, 5)}  # sessions, entries of each
MS = 1_000 / os.sysconf("SC_CLK_TCK")


def measure(run: Run) -> None:
    rounds = ROUNDS_QUICK if run.is_quick else ROUNDS
    taken, noise = pairs.measured(run, Path(__file__), BEFORE, rounds)
    rows = [row(cell, what, taken) for cell in CELLS for what in ("CPU", "wall")]
    run.keep({"before": BEFORE, "rows": rows, "raw": taken}, noise, page(rows))


def main() -> None:
    """In a process of the tree that is measured: ms of each request of 100 entries."""
    print(json.dumps(asyncio.run(_ingested())))


async def _ingested() -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for cell, (sessions, entries) in CELLS.items():
        with tempfile.TemporaryDirectory() as folder, shipping.service(Path(folder)) as house:
            pid = house.processes["service"].pid
            walls, cpu = await _sent(house.service_url, pid, sessions, entries)
        found[f"{cell} wall"] = walls
        found[f"{cell} CPU"] = [cpu]
    return found


async def _sent(url: str, pid: int, sessions: int, entries: int) -> tuple[list[float], float]:
    """How long each request took, and the service's CPU for one, in ms."""
    async with RemoteArchive(url) as archive:
        holders = [Holder(archive) for _ in range(sessions)]
        for number, holder in enumerate(holders):
            holder.host_id = holders[0].host_id
            await holder.take(f"room {number}")
        walls: list[float] = []
        began_ms = 0.0
        for number in range(WARM + REQUESTS):
            if number == WARM:
                began_ms = _cpu_ms(pid)
            said = [[h.line(f"line {number} {n}") for n in range(entries)] for h in holders]
            first = number * entries + 1
            batches = [h.batch(first, *its) for h, its in zip(holders, said, strict=True)]
            began = time.perf_counter()
            answers = await holders[0].send(*batches)
            walls.append((time.perf_counter() - began) * 1_000)
            if any(answer.outcome != "acked" for answer in answers):
                raise SystemExit(f"not stored: {answers}")
        return walls[WARM:], (_cpu_ms(pid) - began_ms) / REQUESTS


def _cpu_ms(pid: int) -> float:
    """Of all threads of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * MS


def row(cell: str, what: str, taken: pairs.Taken) -> dict[str, Any]:
    name = f"{cell} {what}"
    sides = {s: figures.described(pairs.values(taken, s, name), 2) for s in pairs.SIDES}
    return {"entries": cell, "what": what, **sides, "ratio": pairs.ratio(taken, name)}


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        [r["entries"], r["what"], *(r[s][q] for s in pairs.SIDES for q in ("p50", "p99")),
         r["ratio"]]
        for r in rows
    ]  # fmt: skip
    head = ["entries", "", f"p50 at {BEFORE}", "p99", "p50 now", "p99", "ratio of p50"]
    told = (
        "A request of 100 entries to a service on SQLite, ms, in pairs. CPU is that of the whole\n"
        f"service for one request (a value a round: {REQUESTS} requests)."
    )
    return f"{told}\n\n{figures.table(head, lines)}"
