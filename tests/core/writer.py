"""A process that appends to a journal and says how far it got: to be killed."""

import asyncio
import sys

from tests.core.conftest import new_header
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.entries import Noted


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main(folder: str, *, beats: bool) -> None:
    env = Host()
    spool = Spool.open(env, folder)
    live = Live.open(spool, new_header(env, spool))
    say(live.journal.header.holder)
    if beats:
        live.ack.ready()
    for number in range(1_000_000):
        n = live.record(Noted("count", number))
        if beats:
            live.ack.beat(env.boot_us())
            await asyncio.sleep(0.1)
        else:
            say(n)
            await asyncio.sleep(0.001)  # else a busy machine finds a backlog of many thousands


asyncio.run(main(sys.argv[1], beats="--beat" in sys.argv))
