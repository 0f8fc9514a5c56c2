"""An agent that takes a session and folds its log: says as JSON how long that took."""

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from unbroken.archive.http import RemoteArchive
from unbroken.livekit.restore.reading import read
from unbroken.testing.holders import Holder

STATUS, MEMORY = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PAUSE_S = 0.001


def forget_memory() -> None:
    """The most that it has had counts from here."""
    gc.collect()
    MEMORY.write_text("5")


def memory_mb(name: str) -> float:
    """`VmRSS`: what this process has; `VmHWM`: the most that it had."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1_024


async def _stalls(found: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(PAUSE_S)
        found.append(time.perf_counter() - began - PAUSE_S)


async def main(url: str, room: str) -> dict[str, Any]:
    forget_memory()
    before, stalls = memory_mb("VmRSS"), list[float]()
    async with RemoteArchive(url) as archive:
        holder = Holder(archive)
        began, cpu = time.perf_counter(), time.process_time()
        taken = await holder.take(room)
        took = time.perf_counter()
        other = asyncio.create_task(_stalls(stalls))
        session, _ = await read(archive, taken)
        done = time.perf_counter()
        cpu = time.process_time() - cpu
        other.cancel()
        await holder.append(taken.base + 1, final="crashed")
    most = memory_mb("VmHWM")
    del taken, holder
    gc.collect()
    return {
        "take_s": took - began,
        "read_s": done - took,
        "cpu_s": cpu,
        "stall_ms": max(stalls) * 1_000,
        "most_mb": most - before,
        "state_mb": memory_mb("VmRSS") - before,
        "items": len(session.order),
        "differing": sorted(session.differing),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
