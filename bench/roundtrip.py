"""A hundred thousand generated sessions, each killed at least once: does the report say the truth?

The sessions, and the comparison that is not the report's own, are those of tests/sessions. Others
come with another seed.
"""

import asyncio
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any

from bench import figures
from bench.report import Noise, Run
from tests.sessions.round_trip import FAILURES_MAX, drawn, failures, is_kill

SESSIONS, QUICK, AT_ONCE = 100_000, 500, 500
PROCESSES = 2
BEHIND_THE_TEST = 1_000_000  # sessions of seed 0 that `make test` has not seen


def measure(run: Run) -> None:
    first = BEHIND_THE_TEST * (1 + (run.seed or 0))
    numbers = range(first, first + (QUICK if run.is_quick else SESSIONS))
    groups = [numbers[at : at + AT_ONCE] for at in range(0, len(numbers), AT_ONCE)]
    found: list[str] = []
    began_s = time.monotonic()
    with Noise.watched() as noise, ProcessPoolExecutor(PROCESSES) as pool:
        for group, failed in zip(groups, pool.map(_failures, groups), strict=True):
            found += failed
            if failed or group.stop % (20 * AT_ONCE) == 0:
                run.say(f"up to {group.stop}: {len(found)} failed")
    steps = Counter(step.name for number in numbers for step in drawn(number))
    facts = {
        "sessions": len(numbers),
        "first": first,
        "kills": sum(count for name, count in steps.items() if is_kill(name)),
        "failed": len(found),
        "failures": list(islice(found, FAILURES_MAX)),
        "wall_s": round(time.monotonic() - began_s, 1),
        "steps": dict(steps.most_common()),
    }
    run.keep(facts, noise, _page(facts))
    if found:
        raise SystemExit(f"{len(found)} sessions failed")


def _failures(numbers: range) -> list[str]:
    return [str(failure) for failure in asyncio.run(failures(numbers))]


def _page(facts: dict[str, Any]) -> str:
    rows = [[name, count] for name, count in facts["steps"].items()]
    return "\n".join(
        [
            (f"{facts['sessions']} generated sessions (numbers from {facts['first']}) with "
            f"{facts['kills']} kills: in {facts['failed']} of them the report said something else "
            f"than what came back. {facts['wall_s']} s on {PROCESSES} processes."),
            "", figures.table(["step", "times"], rows),
            *(f"\n```\n{failure}\n```" for failure in facts["failures"]),
        ]
    )  # fmt: skip
