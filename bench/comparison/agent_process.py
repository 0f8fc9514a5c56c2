"""An agent's process as far as its memory goes: `python -m bench.comparison.agent_process WAY
MESSAGES REDIS BACKEND SPOOL` prints its private MB once its call has so many messages."""

import asyncio
import gc
import sys
from pathlib import Path


def private_mb(pid: int | str = "self") -> float:
    """What would be free again if the process ended (its unique set)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = (int(line.split()[1]) for line in lines if line.startswith("Private"))
    return sum(kb) / 1024


async def _agent(way: str, messages: int, *where: str) -> float:
    import livekit.agents  # noqa: F401, PLC0415 - as an agent has it

    from bench.comparison.talkers import Places, talking  # noqa: PLC0415 - who only asks for MB

    async with talking(way, f"memory {messages}", Places(*where), turns=messages // 2):
        gc.collect()
        return private_mb()


if __name__ == "__main__":
    _, wanted, count, *places = sys.argv
    print(asyncio.run(_agent(wanted, int(count), *places)))
