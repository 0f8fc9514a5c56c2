"""The whole run, on servers of its own."""

import asyncio
import os
import sqlite3
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis

from bench.comparison import losses, memory, page, pipeline, tables
from bench.comparison.servers import Servers, postgres_version, standing
from bench.report import Noise, Run

PACKAGES = (
    "redis", "hiredis", "openai-agents", "langgraph", "langgraph-checkpoint-sqlite",
    "langgraph-checkpoint-postgres", "psycopg", "httpx", "msgspec",
)  # fmt: skip


def measure(run: Run) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        standing(Path(folder)) as servers,
        Noise.watched() as noise,
    ):
        found: dict[str, Any] = {"versions": _versions(servers), "nice": os.nice(0)}
        # First, and before the packages of others are imported: each child is a copy of this.
        found["losses"] = losses.measured(run, servers)
        found["memory"] = memory.measured(run, servers)
        found |= asyncio.run(_timed(run, servers))
    run.keep(found, noise, tables.all_of(found))
    if not run.is_quick:
        page.write()


async def _timed(run: Run, servers: Servers) -> dict[str, Any]:
    from bench.comparison import access, adding, ways  # noqa: PLC0415 - see `measure`

    found: dict[str, Any] = {"pipeline": await pipeline.measured(run, servers)}
    async with ways.all_of(servers) as those:
        found["access"] = await access.measured(run, those)
        found["adding"] = await adding.measured(run, those)
    return found


def _versions(servers: Servers) -> dict[str, str]:
    with redis.Redis.from_url(servers.redis.url) as client:
        info = client.info("server")
    return {
        "Redis": str(info["redis_version"]),
        "PostgreSQL": postgres_version(servers),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }
