"""Measure by turns with an older commit: the same script, on the same machine."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.report import ROOT, Noise, Run

SIDES = ("before", "now")
Taken = dict[str, list[dict[str, Any]]]  # of each side, what each round printed


def measured(run: Run, module: Path, before: str, rounds: int) -> tuple[Taken, Noise]:
    """What `module.main()` printed as JSON in each round, in the tree of `before` and in this one,
    and the noise meanwhile. `module` is run there, too, whatever it was then."""
    taken: Taken = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        old = Path(folder, "before")
        _git("worktree", "add", "--detach", "-q", str(old), before)
        try:
            (old / "bench" / module.name).write_bytes(module.read_bytes())
            (old / "bench" / Path(__file__).name).write_bytes(Path(__file__).read_bytes())
            trees = {"before": old, "now": ROOT}
            for number in range(rounds):
                run.say(f"round {number + 1}")
                for side in SIDES if number % 2 else reversed(SIDES):
                    taken[side].append(_once(trees[side], module.stem))
        finally:
            _git("worktree", "remove", "--force", str(old))
    return taken, noise


def ratio(taken: Taken, cell: str) -> float:
    """The median over the rounds of what now costs in parts of what it cost before."""
    pairs = zip(taken["before"], taken["now"], strict=True)
    return round(median([median(now[cell]) / median(before[cell]) for before, now in pairs]), 2)


def values(taken: Taken, side: str, cell: str) -> list[float]:
    """Those of all rounds."""
    return [value for each in taken[side] for value in each[cell]]


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _once(tree: Path, module: str) -> dict[str, Any]:
    """One process of that tree."""
    environment = os.environ | {"PYTHONPATH": f"{tree}/src:{tree}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"from bench import {module}; {module}.main()"],
        cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)
