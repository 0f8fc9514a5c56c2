"""The keeper as a process: `python -m unbroken.keeper`, started by the first agent on a host.

It takes its settings from the environment, so that agents start it without a command line that
others could read: UNBROKEN_SPOOL, UNBROKEN_ARCHIVE, UNBROKEN_API_KEY, how long journals
are kept (UNBROKEN_RESHIP_S), and since when somebody wants these (UNBROKEN_KEEPER_SINCE,
microseconds since boot; else now).
"""

import asyncio
import logging
import signal
from collections.abc import Callable

from unbroken.archive.addresses import checked
from unbroken.archive.destination import ARCHIVE
from unbroken.archive.http import RemoteArchive
from unbroken.env import Env, Host
from unbroken.errors import SettingsInvalid, UnbrokenError
from unbroken.journal.spool import Spool
from unbroken.keeper import Keeper, Options
from unbroken.keeper.beat import KeeperSettings
from unbroken.keeper.keeper import IDLE_US

RESHIP = "UNBROKEN_RESHIP_S"
RESHIP_S_MAX = 7 * 86_400  # the disk keeps all that is said in it
IDLE, UNABLE, KEPT = 0, 1, 3  # exit codes; with KEPT another keeper has the spool
AGAIN_S = 1.0  # until one that stays looks again whether the spool is free

log = logging.getLogger(__name__)


async def keep(
    env: Env,
    *,
    spool: str | None,
    archive: str | None,
    key: str | None,
    stays: bool = False,
    ready: Callable[[], None] = lambda: None,
) -> bool:
    """Ship the spool until it is idle; False if another keeper does.

    One that stays never becomes idle, and where there is another keeper it follows that one.
    `ready` is called as soon as the spool has a keeper.
    """
    archive = checked(archive or ARCHIVE)
    since = env.variable("UNBROKEN_KEEPER_SINCE") or ""
    settings = KeeperSettings.of(archive, key, int(since) if since.isdecimal() else env.boot_us())
    options = Options(
        settings=settings, idle_us=None if stays else IDLE_US, reship_us=reship_us(env)
    )
    opened = Spool.open(env, spool)
    async with RemoteArchive(archive, key=key) as remote:
        is_ours = env.lock(opened.keeper_lock)
        ready()
        if not is_ours and stays:
            log.info("another keeper ships this spool; waiting for its end")
        while stays and not is_ours:
            await asyncio.sleep(AGAIN_S)
            is_ours = env.lock(opened.keeper_lock)
        return is_ours and await Keeper(opened, remote, options).run()


def reship_us(env: Env) -> int | None:
    """How long journals are kept behind their end, as UNBROKEN_RESHIP_S says; None: as usual.

    Raises SettingsInvalid.
    """
    said = env.variable(RESHIP)
    if not said:
        return None
    is_number = said.isascii() and said.isdecimal() and len(said) <= len(str(RESHIP_S_MAX))
    if not is_number or int(said) > RESHIP_S_MAX:
        raise SettingsInvalid(f"{RESHIP} is a number of seconds, from 0 to {RESHIP_S_MAX}")
    return int(said) * 1_000_000


def main(*, stays: bool = False, ready: Callable[[], None] = lambda: None) -> int:
    """The exit code: IDLE also when it is told to end, UNABLE when the settings are wrong."""
    # A child of a job inherits SIGINT ignored: handlers of its own, or nobody could stop it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    env = Host()
    env.allow_files()
    work = keep(
        env,
        spool=env.variable("UNBROKEN_SPOOL"),
        archive=env.variable("UNBROKEN_ARCHIVE"),
        key=env.variable("UNBROKEN_API_KEY"),
        stays=stays,
        ready=ready,
    )
    try:
        return IDLE if asyncio.run(work) else KEPT
    except UnbrokenError as error:
        log.error("keeper ended: %s", error)  # noqa: TRY400  the sentence says it all
        return UNABLE


def _stop() -> None:
    raise SystemExit(0)
