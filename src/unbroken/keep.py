"""The keeper as a process: `python -m unbroken.keep`, started by the first agent on a host.

It takes its settings from the environment, so that agents start it without a command line that
others could read: UNBROKEN_SPOOL, UNBROKEN_ARCHIVE, UNBROKEN_API_KEY, and since when somebody wants
these (UNBROKEN_KEEPER_SINCE, microseconds since boot; else now).
"""

import asyncio
import logging
import signal

from unbroken.env import Env, Host
from unbroken.errors import UnbrokenError
from unbroken.keeper import Keeper, Options
from unbroken.keeper.beat import Settings
from unbroken.remote import RemoteArchive
from unbroken.spool import Spool
from unbroken.tend import ARCHIVE


async def keep(env: Env, *, spool: str | None, archive: str | None, key: str | None) -> bool:
    """Ship the spool until it is idle; False if another keeper does."""
    archive = archive or ARCHIVE
    since = env.variable("UNBROKEN_KEEPER_SINCE") or ""
    settings = Settings.of(archive, key, int(since) if since.isdecimal() else env.boot_us())
    async with RemoteArchive(archive, key=key) as remote:
        return await Keeper(Spool.open(env, spool), remote, Options(settings=settings)).run()


def main() -> int:
    """Exit code 0 when idle or not needed, 1 when the settings do not allow it to work."""
    # A child of a job inherits SIGINT ignored: handlers of its own, or nobody could stop it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    env = Host()
    env.allow_files()
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
