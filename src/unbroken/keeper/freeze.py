"""Whether a holder still works: its lock says that it lives, its beat that it is not frozen."""

import logging

from unbroken.env import Env
from unbroken.journal.ack import Ack
from unbroken.journal.frames import Header
from unbroken.log.cause import FROZEN

log = logging.getLogger(__name__)

FREEZE_US = 3_000_000  # a stopped process
BUSY_US = 10_000_000  # a loop that is busy: a synchronous tool must not cost an agent its life
GAP_US = 1_000_000  # between two looks: the keeper itself, or the whole host, was asleep


class Pulse:
    """How long a beat has stood still, counted only while somebody really watched."""

    def __init__(self) -> None:
        self._beat = -1
        self._since_us = 0
        self._looked_us = 0

    def still_us(self, beat: int, now_us: int) -> int:
        if beat != self._beat or now_us - self._looked_us > GAP_US:
            self._beat, self._since_us = beat, now_us
        self._looked_us = now_us
        return now_us - self._since_us


class Writer:
    """The process that writes a journal."""

    def __init__(self, env: Env, header: Header, ack: Ack, *, lock: str) -> None:
        self.is_living = True
        self.killed_for: str | None = None
        self._is_hidden = False
        self._env, self._header, self._ack, self._lock = env, header, ack, lock
        self._pulse = Pulse()

    def look(self) -> None:
        """A lock that cannot be looked at says nothing: what may live is not called dead."""
        try:
            self.is_living = self._env.is_locked(self._lock)
        except OSError as error:
            if not self._is_hidden:
                log.warning("%s cannot be looked at: %s", self._lock, error.strerror)
            self._is_hidden = True
        else:
            self._is_hidden = False

    def kill_if_frozen(self, now_us: int) -> bool:
        """Kill a holder whose loop stands still: a thawed agent would speak beside its successor.

        Called as often as the keeper looks; a gap in these calls restarts all counting.
        """
        if not self.is_living or not self._ack.is_ready:
            return False
        still_us = self._pulse.still_us(self._ack.beats[0], now_us)
        is_stopped = still_us < BUSY_US and self._env.is_stopped(self._header.pid)
        if still_us < FREEZE_US or (still_us < BUSY_US and not is_stopped):
            return False
        return self.kill(FROZEN)

    def kill(self, cause: str) -> bool:
        """Kill the process, if that is still the one that wrote the header."""
        is_killed = kill(self._env, self._header.pid, self._header.pid_start)
        if is_killed:
            self.killed_for = cause
        return is_killed


def kill(env: Env, pid: int, pid_start: int | None) -> bool:
    """Kill a process, if the one with this pid began at `pid_start` and is not this one."""
    if pid <= 0 or pid == env.pid() or env.started(pid) != pid_start:
        return False
    env.kill(pid)
    return True
