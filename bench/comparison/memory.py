"""What an agent process holds in memory, by way: private memory (USS) of a process that has
imported LiveKit's agents and has so many messages in its call, see `agent_process`."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.comparison.agent_process import private_mb
from bench.comparison.names import NATIVE, NOTHING, OURS, REDIS
from bench.comparison.servers import Servers
from bench.report import ROOT, Run

WAYS = (NOTHING, REDIS, NATIVE, OURS["SQLite"])
MESSAGES = (50, 4_000)
WAYS_QUICK = (NOTHING, OURS["SQLite"])
HANG_S = 120
ALONE = "import livekit.agents; from bench.comparison.agent_process import *; print(private_mb())"


def measured(run: Run, servers: Servers) -> dict[str, Any]:
    ways, counts = (WAYS_QUICK, MESSAGES[:1]) if run.is_quick else (WAYS, MESSAGES)
    agents = [one for count in counts for one in _agents(servers, ways, count)]
    run.say("memory measured")
    return {
        "agents": agents,
        "livekit_agents_alone_mb": round(float(_told(_started("-c", ALONE))), 1),
        "keeper_mb": round(private_mb(servers.sqlite.keeper.pid), 1),
        "redis_mb": round(private_mb(servers.redis.pid), 1),
    }


def _agents(servers: Servers, ways: Sequence[str], messages: int) -> list[dict[str, Any]]:
    """One of each way, side by side: memory knows no load."""
    places = (servers.redis.url, servers.backend.url, servers.sqlite.spool)
    module = ("-m", "bench.comparison.agent_process")
    running = [_started(*module, way, str(messages), *places) for way in ways]
    return [
        {"way": way, "messages": messages, "mb": round(float(_told(process)), 1)}
        for way, process in zip(ways, running, strict=True)
    ]


def _started(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _told(process: "subprocess.Popen[str]") -> str:
    return process.communicate(timeout=HANG_S)[0]
