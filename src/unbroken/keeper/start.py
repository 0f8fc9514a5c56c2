"""Seeing that a spool has a keeper: one that lives, with the settings that are wanted.

Who looks after it waits for nothing: that happens in a thread, at most one, and whatever happens
there is logged and tried again.
"""

import logging
import threading

from unbroken.archive.destination import ARCHIVE
from unbroken.errors import UnbrokenError
from unbroken.journal.spool import Spool
from unbroken.keeper.beat import KeeperBeat, KeeperSettings
from unbroken.keeper.freeze import Pulse, kill
from unbroken.pause import Pause

log = logging.getLogger(__name__)

LOOK_US = 1_000_000  # a dead keeper is replaced within this
FROZEN_US = 10_000_000  # a keeper whose beat stands still for so long is replaced
STARTING_US = 5_000_000  # a keeper that was started has its lock by then, or failed
GONE_S = 0.5  # until a killed keeper's lock is free; else at the next look
INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH", "XDG_STATE_HOME", "UNBROKEN_RESHIP_S")

Process = tuple[int, int]  # pid and start time

_starting = threading.Lock()  # a lock file tells apart processes, not threads
_seen: dict[tuple[str, int], int] = {}  # since when this process asks for which settings


def ensure_keeper(spool: Spool) -> None:
    """Start a keeper for this spool if none holds its lock, or one with older settings does.

    Takes milliseconds: use a thread. Raises OSError.
    """
    now_us = spool.env.boot_us()
    wanted = _settings(spool, now_us)
    since_us = _seen.setdefault((spool.folder, wanted.number), now_us)
    beat = _beat(spool)
    try:
        _ensure(spool, beat, _settings(spool, since_us), frozen=None)
    finally:
        if beat:
            beat.close()


class Care:
    """Looks after the keeper of a spool, from one event loop. Never waits, never raises."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._settings = _settings(spool, spool.env.boot_us())
        self._beat: KeeperBeat | None = None
        self._pulse = Pulse()
        self._frozen: Process | None = None
        self._looked_us = 0
        self._pause = Pause(spool.env, first_s=1.0, most_s=10.0)
        self._thread: threading.Thread | None = None

    def look(self, now_us: int) -> None:
        if self._beat:
            is_frozen = self._pulse.still_us(self._beat.beats, now_us) >= FROZEN_US
            self._frozen = self._beat.process if is_frozen else None
        is_busy = self._thread is not None and self._thread.is_alive()
        if is_busy or now_us - self._looked_us < LOOK_US or not self._pause.is_over(now_us):
            return
        self._looked_us = now_us
        self._thread = threading.Thread(target=self._ensure, name="unbroken keeper", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads
            self._thread = None
            self._fail(error)

    def _ensure(self) -> None:
        try:
            self._beat = self._beat or _beat(self._spool)
            _ensure(self._spool, self._beat, self._settings, frozen=self._frozen)
            self._pause.clear()
        except (OSError, UnbrokenError) as error:  # no descriptor, no process, no disk
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._pause.fail()
        log.warning("keeper not started", extra={"error": str(error)})


def _ensure(
    spool: Spool, beat: KeeperBeat | None, wanted: KeeperSettings, *, frozen: Process | None
) -> None:
    is_kept = spool.env.is_locked(spool.keeper_lock)
    if is_kept and not (beat and _replaced(spool, beat, wanted, frozen=frozen)):
        return
    if not _starting.acquire(blocking=False):
        return
    try:
        _start(spool, beat, wanted)
    finally:
        _starting.release()


def _replaced(
    spool: Spool, beat: KeeperBeat, wanted: KeeperSettings, *, frozen: Process | None
) -> bool:
    """Whether the keeper had to go, and is gone. It loses nothing: it has no state."""
    env, process = spool.env, beat.process
    is_older = wanted.replaces(beat.settings)
    if not (is_older or process == frozen) or not kill(env, *process):
        return False
    why = "its settings are older than ours" if is_older else "its beat stands still"
    log.warning("keeper replaced: %s", why, extra={"pid": process[0]})
    until_us, wait = env.boot_us() + int(GONE_S * 1e6), threading.Event().wait
    while env.is_locked(spool.keeper_lock) and env.boot_us() < until_us:
        wait(0.01)
    return not env.is_locked(spool.keeper_lock)


def _start(spool: Spool, beat: KeeperBeat | None, wanted: KeeperSettings) -> None:
    """Start one, unless another process does: the start lock is held only for this moment."""
    env, lock = spool.env, f"{spool.folder}/keeper.start"
    if not env.lock(lock):
        return
    try:
        now_us = env.boot_us()
        is_starting = beat is not None and now_us - beat.started_us < STARTING_US
        if is_starting or env.is_locked(spool.keeper_lock):
            return
        env.start(
            [env.interpreter(), "-m", "unbroken.keeper"],
            log=spool.keeper_log,
            variables=_variables(spool, wanted),
        )
        if beat:
            beat.start(now_us)
    finally:
        env.unlock(lock)


def _beat(spool: Spool) -> KeeperBeat | None:
    """None on a full disk: then a keeper that froze cannot be told, but one can be started."""
    try:
        return KeeperBeat.open(spool)
    except OSError:
        return None


def _where(spool: Spool) -> tuple[str, str | None]:
    """Where the keeper of this spool ships, and its key: the spool's own word, else as we are
    told."""
    env = spool.env
    archive = spool.archive or env.variable("UNBROKEN_ARCHIVE") or ARCHIVE
    return archive, spool.key or env.variable("UNBROKEN_API_KEY")


def _settings(spool: Spool, since_us: int) -> KeeperSettings:
    return KeeperSettings.of(*_where(spool), since_us)


def _variables(spool: Spool, wanted: KeeperSettings) -> dict[str, str]:
    archive, key = _where(spool)
    return spool.env.variables(INHERITED) | {
        "UNBROKEN_SPOOL": spool.folder,
        "UNBROKEN_ARCHIVE": archive,
        "UNBROKEN_KEEPER_SINCE": str(wanted.since_us),
        **({"UNBROKEN_API_KEY": key} if key else {}),
    }
