"""Hundreds of short calls, one after the other, in one process: what they used is given back.

Descriptors, threads, tasks and memory of the agent, and of its keeper, are the same after the last
call as after the first hundred. So are they when calls cannot be made because the disk is full.
"""

import asyncio
import errno
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Service, end_keepers, keeper_of, started
from bench.host.store import Store
from bench.host.touched import TouchedHost
from tests.core.conftest import new_header
from unbroken.env import Host
from unbroken.errors import JournalUnwritable
from unbroken.journal.spool import JOURNAL, Spool
from unbroken.live.heartbeat import tend
from unbroken.live.live import Live

FIRST, CALLS_MAX = 100, 1_500  # calls before the first measure, and at most
ENTRIES = 5
TENDED_EACH, SYNCED_EACH = 10, 4
MORE_MB, MORE_HANDLES = 24.0, 4  # what may come and go: a pool, a cache, an allocator's page
KEEPER_MB_A_CALL = 0.5
REFUSED = 200
RESERVE_S = 30


class FullHost(TouchedHost):
    """Makes no journal."""

    def touch(self, name: str, work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        if name == "create" and JOURNAL in given[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return work(*given, **how)


def attack(a: Attack) -> None:
    folder = a.round(0)
    service = Service(folder)
    spool = Spool.open(Host(), str(folder / "spool"), archive=service.url)
    with started(service):
        try:
            asyncio.run(_calls(a, spool, Store(service.data)))
        finally:
            end_keepers(spool.folder)
    a.require_exercised("calls", "refused calls")


async def _calls(a: Attack, spool: Spool, store: Store) -> None:
    claims = [await _call(a, spool, seed) for seed in range(FIRST)]
    before = await _used(spool)
    while len(claims) < CALLS_MAX and (len(claims) == FIRST or a.left_s() > RESERVE_S):
        claims.append(await _call(a, spool, len(claims)))
    _compare(a, before, await _used(spool), f"{len(claims)} calls", more=len(claims) - FIRST)
    a.require(await asyncio.to_thread(checker.settle, store, claims), "an end is not told")
    checker.check(a, store, claims)
    before, names = await _used(spool), _names(spool)
    await _refused(a, spool.folder)
    _compare(a, before, await _used(spool), f"{REFUSED} refused calls", more=0)
    left = _names(spool) - names
    a.require(not left, f"refused calls leave files: {sorted(left)[:5]}")


async def _call(a: Attack, spool: Spool, seed: int) -> Claim:
    a.counts["calls"] += 1
    header = new_header(spool.env, spool, room=f"room {seed}", sid=f"RM_{seed}")
    live = Live.open(spool, header)
    tending = asyncio.create_task(tend(live, spool)) if seed % TENDED_EACH == 0 else None
    for n in range(1, ENTRIES + 1):
        live.record(said.entry(seed, n))
    if seed % SYNCED_EACH == 0:
        a.require(await live.durable("disk", timeout_s=20), f"seed {seed}: not on the disk")
    if tending:
        tending.cancel()
        await asyncio.wait([tending])
    await live.close("left")
    return Claim(header.new_session_id, seed, ENTRIES, ENTRIES, is_taken=True)


async def _refused(a: Attack, folder: str) -> None:
    full = Spool.open(FullHost(), folder)
    for seed in range(REFUSED):
        header = new_header(full.env, full, room=f"refused {seed}", sid=f"RM_r{seed}")
        try:
            Live.open(full, header)
        except JournalUnwritable:
            a.counts["refused calls"] += 1


async def _used(spool: Spool) -> dict[str, float]:
    gc.collect()
    await asyncio.sleep(1)
    ship = keeper_of(spool.folder)
    assert ship is not None  # noqa: S101 - every tenth call sees to it
    return {
        "descriptors": _count("self", "fd"),
        "threads": _count("self", "task"),
        "tasks": len(asyncio.all_tasks()),
        "MB": _mb("self"),
        "keeper's descriptors": _count(ship, "fd"),
        "keeper's threads": _count(ship, "task"),
        "keeper's MB": _mb(ship),
    }


def _compare(
    a: Attack, before: dict[str, float], after: dict[str, float], what: str, *, more: int
) -> None:
    a.notes[what] = {name: [before[name], after[name]] for name in before}
    for name, was in before.items():
        allowed = MORE_MB if name.endswith("MB") else MORE_HANDLES
        if name == "keeper's MB":
            allowed += more * KEEPER_MB_A_CALL
        grown = after[name] - was
        a.require(grown <= allowed, f"{what}: {grown:g} more {name}, {was:g} before")


def _names(spool: Spool) -> set[str]:
    """The files of holders."""
    names = (path.name for path in Path(spool.folder).iterdir())
    return {name for name in names if not name.startswith("keeper")}


def _count(pid: int | str, kind: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{kind}").iterdir())


def _mb(pid: int | str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0
