"""What a process with a live session owes it: a beat, and a keeper that ships its journal."""

import asyncio

from unbroken.live import BEAT_S, Live
from unbroken.spool import Spool

LOOK_US = 1_000_000  # a dead keeper is replaced within this
ARCHIVE = "http://127.0.0.1:8000"
INHERITED = (
    "PATH", "HOME", "LANG", "PYTHONPATH", "XDG_STATE_HOME", "UNBROKEN_ARCHIVE",
    "UNBROKEN_API_KEY", "UNBROKEN_TTL_MS",
)  # fmt: skip


def ensure_keeper(spool: Spool) -> None:
    """Start a keeper for this spool if none holds its lock. Takes milliseconds: use a thread."""
    env = spool.env
    if env.is_locked(spool.keeper_lock):
        return
    variables = env.variables(INHERITED) | {"UNBROKEN_SPOOL": spool.folder}
    env.start([env.interpreter(), "-m", "unbroken.keep"], log=spool.keeper_log, variables=variables)


async def tend(live: Live, spool: Spool) -> None:
    """Show that this process lives, and see that a keeper does, until cancelled."""
    looked_us = 0
    while True:
        now_us = spool.env.boot_us()
        live.ack.beat(now_us)
        if now_us - looked_us >= LOOK_US:
            looked_us = now_us
            await asyncio.to_thread(ensure_keeper, spool)
        await asyncio.sleep(BEAT_S)
