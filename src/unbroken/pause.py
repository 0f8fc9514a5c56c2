"""The pause after a failure: doubled with each one in a row, and spread, so that many do not come
back in the same moment."""

from unbroken.env import Env


class Pause:
    def __init__(self, env: Env, *, first_s: float, most_s: float) -> None:
        self.failures = 0  # in a row
        self._env, self._first_s, self._most_s = env, first_s, most_s
        self._until_us = 0

    def fail(self, *, least_s: float = 0.0) -> None:
        """One more failure: pause between half of the next step and all of it."""
        doubled = self._first_s * 2.0 ** min(self.failures, 32)
        step_us = int(min(max(doubled, least_s), self._most_s) * 1e6)
        self.failures += 1
        self._until_us = self._env.boot_us() + step_us - self._env.new_id().int % (step_us // 2)

    def clear(self) -> None:
        self.failures = self._until_us = 0

    def left_s(self, now_us: int) -> float:
        return max(0, self._until_us - now_us) / 1e6

    def is_over(self, now_us: int) -> bool:
        return now_us >= self._until_us
