"""Work that takes long is done less often."""

from collections.abc import Callable

from unbroken.env import Env

FREE_US = 5_000  # what takes no longer is done each time it is asked for
REST = 20  # else it rests so many times as long as it took


class Allowance:
    """So many times at once, and one time more with each `every_us`."""

    def __init__(self, env: Env, *, at_once: int, every_us: int) -> None:
        self._env, self._most, self._every_us = env, at_once, every_us
        self._left = float(at_once)
        self._seen_us = env.boot_us()

    @property
    def is_left(self) -> bool:
        now_us = self._env.boot_us()
        more = max(0, now_us - self._seen_us) / self._every_us
        self._left = min(self._most, self._left + more)
        self._seen_us = now_us
        return self._left >= 1

    def take(self) -> None:
        self._left -= 1


class Pace:
    """Takes one `rest`th of the event loop's time at most. One long time alone is chance: it is
    the shorter of the last two that counts."""

    def __init__(self, env: Env, rest: int = REST) -> None:
        self._env = env
        self._rest = rest
        self._due_us = self._last_us = 0
        self.is_owed = False  # it was asked for while it rested, and not done since

    def run(self, work: Callable[[], None], *, at_once: bool = False) -> None:
        """Do it now, unless it rests; `at_once` counts more than that."""
        began_us = self._env.boot_us()
        self.is_owed = began_us < self._due_us and not at_once
        if self.is_owed:
            return
        work()
        took_us = self._env.boot_us() - began_us
        usual_us, self._last_us = min(took_us, self._last_us), took_us
        self._due_us = began_us + usual_us * self._rest if usual_us > FREE_US else 0
