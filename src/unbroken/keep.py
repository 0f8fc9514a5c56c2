"""The keeper as a process: `python -m unbroken.keep`, started by the first agent on a host.

It takes its settings from the environment, so that agents start it without a command line that
others could read: UNBROKEN_SPOOL, UNBROKEN_ARCHIVE, UNBROKEN_API_KEY.
"""

import asyncio
import logging
import signal

from unbroken.env import Env, Host
from unbroken.errors import UnbrokenError
from unbroken.keeper import Keeper
from unbroken.live import BEAT_S, Live
from unbroken.remote import RemoteArchive
from unbroken.spool import Spool

LOOK_US = 1_000_000  # a dead keeper is replaced within this
ARCHIVE = "http://127.0.0.1:8000"
INHERITED = (
    "PATH", "HOME", "LANG", "PYTHONPATH", "XDG_STATE_HOME", "UNBROKEN_ARCHIVE",
    "UNBROKEN_API_KEY", "UNBROKEN_TTL_MS",
)  # fmt: skip


async def keep(env: Env, *, spool: str | None, archive: str | None, key: str | None) -> bool:
    """Ship the spool until it is idle; False if another keeper does."""
    async with RemoteArchive(archive or ARCHIVE, key=key) as remote:
        return await Keeper(Spool.open(env, spool), remote).run()


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


def main() -> int:
    """Exit code 0 when idle or not needed, 1 when the settings do not allow it to work."""
    # A child of a job inherits SIGINT ignored: handlers of its own, or nobody could stop it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    env = Host()
    log = logging.getLogger(__name__)
    try:
        asyncio.run(
            keep(
                env,
                spool=env.variable("UNBROKEN_SPOOL"),
                archive=env.variable("UNBROKEN_ARCHIVE"),
                key=env.variable("UNBROKEN_API_KEY"),
            )
        )
    except UnbrokenError:
        log.exception("keeper ended")
        return 1
    return 0


def _stop() -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
