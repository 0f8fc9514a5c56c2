"""The store's time: the wall clock, without what its steps would do to those who wait.

Theory of operation. Leases, orphans, dispatches and orders are compared with the time. A wall
clock that is set by hand or by NTP would end them all at once, or keep them for as long as it
was set back. So the store's time goes on with the clock that only counts; at the first write
after a step all times that wait are moved by it, in the same transaction, and the store's time
is the wall clock's again. Nobody who renews is lost, and nobody who is silent is kept.
"""

from unbroken.env import Env

STEP_US = 1_000_000  # less is drift, which is simply followed


class StoreClock:
    def __init__(self, env: Env) -> None:
        self._env = env
        self._offset_us = env.now_us() - env.boot_us()

    def now_us(self) -> int:
        """Comparable with all times that are stored."""
        return self._env.boot_us() + self._offset_us

    def ahead_us(self) -> int:
        """How far the wall clock has gone from it."""
        return self._env.now_us() - self.now_us()

    def follow(self, ahead_us: int) -> None:
        """What is stored has been moved by `ahead_us`, if that is a step."""
        self._offset_us += ahead_us
