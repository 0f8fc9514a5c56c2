"""Every crash point of a holder's life: SIGKILL before, in the middle of, and after each call that
changes something, the first, the second, and so on to the last.

Four lives: one that takes its session itself, one that leaves that to the keeper, one whose disk is
slow, and one whose disk fails to sync. All points are tried, whatever time it has: about half a
minute.
"""

import asyncio
import errno
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.kills import claim_of
from bench.host.parts import Child, Service, keeper, started
from bench.host.store import Store
from bench.host.touched import TouchedHost
from tests.core.conftest import new_header
from unbroken.archive.http import RemoteArchive
from unbroken.archive.taking import bound, take
from unbroken.env import Host
from unbroken.errors import LevelUnavailable
from unbroken.journal import Journal
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.mark import Mark

WAYS = ("before", "half", "after")
LIVES = ("takes", "provisional", "slow disk", "failed sync")
POINTS_MAX = 400  # of one life: more would be a life that never ends
SLOW_S = 0.02


class CrashingHost(TouchedHost):
    """Dies at the `at`-th change, in the given way."""

    def __init__(self, life: str, way: str, at: int) -> None:
        super().__init__()
        self._life, self._way, self._at = life, way, at
        self._count = itertools.count(1)

    def touch(self, name: str, work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        if next(self._count) != self._at:
            return self._done(name, work, *given, **how)
        if self._way == "half":
            _half(name, work, *given)
        elif self._way == "after":
            self._done(name, work, *given, **how)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("we are dead")

    def _done(self, name: str, work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        if self._life == "failed sync" and name == "sync":
            raise OSError(errno.EIO, "Input/output error")
        if self._life == "slow disk" and name == "write":
            time.sleep(SLOW_S)
        return work(*given, **how)


def _half(name: str, work: Callable[..., Any], *given: Any) -> None:
    """Half of a write; a file that is there and empty."""
    if name == "write":
        work(given[0][: len(given[0]) // 2])
    elif name in ("create", "open_words", "lock"):
        os.close(os.open(given[0], os.O_CREAT | os.O_RDWR, 0o600))


def attack(a: Attack) -> None:
    folder = a.round(0)
    spool = Spool.open(Host(), str(folder / "spool"))
    spool.host_id()
    service = Service(folder)
    ship = keeper(spool.folder, service.url)
    with started(service, ship):
        claims = list(_all(a, spool.folder, service.url))
        store = Store(service.data)
        a.require(checker.settle(store, claims), "a dead holder's end is not told")
        a.require(ship.code is None, f"the keeper ended by itself, code {ship.code}")
        checker.check(a, store, claims)
    a.require_exercised(*(f"points of {life}" for life in LIVES))


def _all(a: Attack, folder: str, url: str) -> Iterator[Claim]:
    seed = itertools.count(1)
    for life, way in itertools.product(LIVES, WAYS):
        for at in range(1, POINTS_MAX):
            number = next(seed)
            claim, code = _one(folder, url, CrashingHost(life, way, at), number, life=life)
            yield claim
            if code == 0:
                break
            a.counts[f"points of {life}"] += 1
            a.require(code == -signal.SIGKILL, f"{life}, {way} change {at}: exit code {code}")
        else:
            a.violations.append(f"{life}: more than {POINTS_MAX} changes")


def _one(folder: str, url: str, host: Host, seed: int, *, life: str) -> tuple[Claim, int | None]:
    takes = life != "provisional"
    child = Child(lambda tell: asyncio.run(_live(tell, folder, url, host, seed, takes=takes)))
    told = child.wait()
    return claim_of(told, seed), child.code


async def _live(
    tell: Callable[..., None], folder: str, url: str, host: Host, seed: int, *, takes: bool
) -> None:
    """A whole life: made, bound, a few entries, a large one, a mark, a sync, the last word."""
    header = new_header(Host(), Spool(Host(), folder), room=f"room {seed}", sid=f"RM_{seed}")
    tell("header", str(header.new_session_id))
    spool = Spool.open(host, folder)
    journal = Journal.create(spool, header)
    if takes:
        async with RemoteArchive(url) as archive:
            taken = await take(archive, header, wait_s=20)
        tell("taken")
        journal.bind(bound(header, taken))
    live = Live(spool, journal)
    for n in range(1, said.LARGE_AT + 3):
        live.record(said.entry(seed, n))
        tell("written", journal.written)
    live.mark(Mark(transcripts=("and then",)))
    await _sync(live)
    live.record(said.entry(seed, said.LARGE_AT + 3))
    await live.close("left")
    tell("written", live.journal.written)


async def _sync(live: Live) -> None:
    try:
        await live.durable("disk", timeout_s=5)
    except LevelUnavailable:
        return
