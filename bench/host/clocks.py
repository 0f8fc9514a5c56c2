"""The service's wall clock steps, by hours and years, forth and back, while a session lives.

No stranger can take the session; its entries go on being stored; it is never fenced. And when the
clock is right again, a host that dies is still found dead.
"""

import asyncio
from collections.abc import Callable

import msgspec

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Service, keeper, started
from bench.host.stepped import CLOCK
from bench.host.store import Store
from tests.core.conftest import new_header
from tests.service.servers import CHECKOUT
from unbroken.archive.http import RemoteArchive
from unbroken.archive.taking import request_of
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, CallTaken
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.live.live import Live

HOUR, YEAR = 3_600, 365 * 86_400
STEPS_S = (HOUR, -HOUR, 0, YEAR, 0, -60 * YEAR, 0, 40, 0, -5, 0, 4, 0)
TRIES, TRY_S = 60, 0.1  # of a stranger behind each step: longer than a lease
STORED_S = 30.0
TTL_MS = 3_000


def attack(a: Attack) -> None:
    folder = a.round(0)
    (clock := folder / "clock").write_text("0")
    found = {CLOCK: str(clock), "PYTHONPATH": str(CHECKOUT)}
    service = Service(folder, "bench.host.stepped", **found)
    spool = Spool.open(Host(), str(folder / "spool"))
    with started(service, keeper(spool.folder, service.url)):
        claim = asyncio.run(_stepped(a, clock.write_text, spool, service.url))
        store = Store(service.data)
        a.require(checker.settle(store, [claim]), "the end is not told")
        checker.check(a, store, [claim])
    a.require_exercised("steps", "takes refused")


async def _stepped(a: Attack, step: Callable[[str], object], spool: Spool, url: str) -> Claim:
    header = new_header(spool.env, spool)
    live = Live.open(spool, header)
    seed, n = 0, 0
    async with RemoteArchive(url) as archive:
        while n < 2 or a.left_s() > 0:
            seconds = STEPS_S[n % len(STEPS_S)] if n else 0  # at first the session is made
            step(str(seconds))
            a.counts["steps"] += 1
            if n:
                await _strangers(a, archive, header, f"clock {seconds:+} s")
            n += 1
            live.record(said.entry(seed, n))
            is_stored = await live.durable("service", timeout_s=STORED_S)
            a.require(is_stored, f"clock {seconds:+} s: an entry is not stored")
            a.require(not live.is_fenced, f"clock {seconds:+} s: the holder is fenced")
    step("0")
    await live.close("left")
    return Claim(header.new_session_id, seed, n, n, is_taken=True)


async def _strangers(a: Attack, archive: RemoteArchive, header: Header, where: str) -> None:
    """Another host asks for the session, again and again."""
    for _ in range(TRIES):
        env = Host()
        other = msgspec.structs.replace(header, holder=env.new_id(), host_id=env.new_id())
        try:
            await archive.take(request_of(other, ttl_ms=TTL_MS))
        except CallTaken:
            a.counts["takes refused"] += 1
        except ArchiveUnavailable as error:
            a.violations.append(f"{where}: {error}")
        else:
            a.violations.append(f"{where}: a stranger took the session of a living holder")
            return
        await asyncio.sleep(TRY_S)
