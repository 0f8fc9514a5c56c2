"""The ack file of one holder, as its keeper holds it: also while there is none to be had."""

import logging

from unbroken.env import Env, SharedWords
from unbroken.pause import Pause

log = logging.getLogger(__name__)


class KeptWords:
    """The words of the file while it can be mapped; else, and at rest, what was last known.

    A file that cannot be mapped (another owner, no room for its page, no descriptor) costs its own
    holder's acknowledgements and nothing else. It is tried again, and then told what it missed.
    """

    def __init__(self, env: Env, path: str, count: int) -> None:
        self._env, self._path, self._count = env, path, count
        self._mapped: SharedWords | None = None
        self._known = [0] * count
        self._missed: dict[int, int] = {}  # said while it was not mapped
        self._is_resting = False
        self._pause = Pause(env, first_s=0.1, most_s=60.0)

    def __getitem__(self, index: int) -> int:
        mapped = self._map()
        return mapped[index] if mapped else self._known[index]

    def __setitem__(self, index: int, value: int) -> None:
        if self._is_resting:
            self._set_at_rest(index, value)
        elif mapped := self._map():
            mapped[index] = value
        else:
            self._known[index] = self._missed[index] = value

    def rest(self) -> None:
        """Hold no descriptor: from now on what is new opens the file for one moment."""
        self._is_resting = True
        if self._mapped:
            self._known = [self._mapped[index] for index in range(self._count)]
            self.close()

    def _set_at_rest(self, index: int, value: int) -> None:
        if self._known[index] != value:
            self._is_resting = False
            self[index] = value
            self.rest()

    def close(self) -> None:
        if self._mapped:
            self._mapped.close()
            self._mapped = None

    def _map(self) -> SharedWords | None:
        if self._mapped or self._is_resting or not self._pause.is_over(self._env.boot_us()):
            return self._mapped
        try:
            self._mapped = self._env.open_words(self._path, self._count)
        except OSError as error:
            if not self._pause.failures:
                log.warning("%s cannot be used: %s", self._path, error.strerror)
            self._pause.fail()
            return None
        self._pause.clear()
        for index, value in self._missed.items():
            self._mapped[index] = value
        self._missed.clear()
        return self._mapped
