"""A process that appends to a journal and says how far it got: to be killed."""

import asyncio
import sys

from tests.core.conftest import new_header
from unbroken.entries import Noted
from unbroken.env import Host
from unbroken.live import Live
from unbroken.spool import Spool


async def main(folder: str) -> None:
    env = Host()
    spool = Spool.open(env, folder)
    live = Live.open(spool, new_header(env, spool))
    print(live.journal.header.holder, flush=True)
    for number in range(1_000_000):
        n = live.record(Noted("count", number))
        print(n, flush=True)
        await asyncio.sleep(0)


asyncio.run(main(sys.argv[1]))
