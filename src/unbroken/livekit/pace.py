"""Work that takes long is done less often."""

from collections.abc import Callable

from unbroken.env import Env

FREE_US = 5_000  # what takes no longer is done each time it is asked for
REST = 20  # else it rests so many times as long as it took


class Pace:
    """Takes at most a twentieth of the event loop's time. One long time alone is chance: it is the
    shorter of the last two that counts."""

    def __init__(self, env: Env) -> None:
        self._env = env
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
        self._due_us = began_us + usual_us * REST if usual_us > FREE_US else 0
