"""Inside a job: what Unbroken's own steps take on the event loop, CPU, and how late timers are.

The functions are wrapped in this process only; a wrapper adds about a microsecond to each.
"""

import asyncio
import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livekit.agents import JobContext

from unbroken.journal import Journal
from unbroken.live.live import Live
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.safety import Safety

FOLDER = "UNBROKEN_BENCH_COSTS"
TICK_S = 0.01
STEPS: tuple[tuple[type, str], ...] = (
    (Hooks, "scan"),
    (Live, "record"),
    (Live, "mark"),
    (Journal, "sync"),
    (Safety, "reached"),
)


class Costs:
    """From its making until the job's end; then a file of the room's name is in the folder."""

    def __init__(self, ctx: JobContext) -> None:
        self._room = ctx.job.room.name
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()
        self._late_ms: list[float] = []
        self._steps: dict[str, list[tuple[float, float]]] = {}
        for owner, name in STEPS:
            self._watch(owner, name)
        self._ticking = asyncio.create_task(self._tick())
        ctx.add_shutdown_callback(self._write)

    def _watch(self, owner: type, name: str) -> None:
        taken = self._steps.setdefault(f"{owner.__name__}.{name}", [])
        setattr(owner, name, timed(getattr(owner, name), taken))

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self._late_ms.append((loop.time() - due_s) * 1e3)

    async def _write(self) -> None:
        self._ticking.cancel()
        whole = {
            "wall_s": time.monotonic() - self._began_s,
            "cpu_s": time.process_time() - self._began_cpu_s,
            "late_ms": [round(late, 2) for late in self._late_ms],
            "steps_us": self._steps,
        }
        path = Path(os.environ[FOLDER]) / f"{self._room}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(whole), encoding="utf-8")
        fresh.replace(path)


def timed(function: Callable[..., Any], taken: list[tuple[float, float]]) -> Callable[..., Any]:
    """`function`, which appends (wall, CPU of this thread) in µs to `taken` at each call."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            return function(*args, **kwargs)
        finally:
            cpu = time.thread_time_ns() - began_cpu
            taken.append(((time.perf_counter_ns() - began) / 1e3, cpu / 1e3))

    return run
