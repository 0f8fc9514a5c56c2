"""The beat of a process with a live session: it waits for nothing but its own clock."""

import asyncio

from unbroken.journal.spool import Spool
from unbroken.keeper.start import Care
from unbroken.live.live import BEAT_S, Live


async def tend(live: Live, spool: Spool) -> None:
    """Show that this process lives, and see that a keeper does, until cancelled."""
    care = Care(spool)
    while True:
        now_us = spool.env.boot_us()
        live.ack.beat(now_us)
        care.look(now_us)
        await asyncio.sleep(BEAT_S)
