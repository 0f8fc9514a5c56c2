"""A holder that writes until it is killed, and tells what it was told."""

import asyncio
import random
from collections.abc import Callable

from bench.host import said
from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from unbroken.archive.http import RemoteArchive
from unbroken.archive.taking import bound, take
from unbroken.env import Host
from unbroken.journal import Journal
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.mark import Mark

SLOW_S = 0.02  # one write as slow as this moves the journal to a thread
SLOW_EACH = 5
TAKING_EACH = 2  # the others leave the take to the keeper
HURRY = 400  # entries; then it writes at the pace of a call


def write(tell: Callable[..., None], folder: str, url: str, seed: int, number: int) -> None:
    """Never returns: it has to be killed."""
    asyncio.run(_write(tell, folder, url, seed, number))


async def _write(tell: Callable[..., None], folder: str, url: str, seed: int, number: int) -> None:
    host = FaultyHost() if number % SLOW_EACH == 0 else Host()
    spool = Spool.open(host, folder)
    header = new_header(host, spool, room=f"room {seed}", sid=f"RM_{seed}")
    tell("header", str(header.new_session_id))
    journal = Journal.create(spool, header)
    tell("created")
    if number % TAKING_EACH:
        async with RemoteArchive(url) as archive:
            if taken := await take(archive, header, wait_s=1.0):
                tell("taken")
                journal.bind(bound(header, taken))
    live = Live(spool, journal)
    await _record(tell, live, host, seed)


async def _record(tell: Callable[..., None], live: Live, host: Host, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    n = 0
    while True:
        n += 1
        if isinstance(host, FaultyHost):
            host.write_s = SLOW_S if n == 1 else 0.0
        live.record(said.entry(seed, n))
        if chance.random() < 0.1:
            live.mark(Mark(transcripts=("and then",)))
        if chance.random() < 0.05:
            live.journal.sync()
        tell("written", live.journal.written)
        await asyncio.sleep(0.01 if n > HURRY else chance.choice((0, 0, 0, 0.002)))
