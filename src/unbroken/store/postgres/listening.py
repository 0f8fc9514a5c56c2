"""Waking between services: who has something due tells all of them, with its commit.

A hint, no more: what was told while nobody listened, or behind a pool that passes nothing on, is
found by the next look. So a connection that is lost is opened anew without haste.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg

from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable
from unbroken.pause import Pause
from unbroken.store.postgres.connecting import Connecting

_CHANNEL = "unbroken_wake"
WAKE = f"notify {_CHANNEL}"
_LISTEN = f"listen {_CHANNEL}"
HEED_S = 0.2  # until it sees that it shall end
FIRST_S, MOST_S = 0.5, 10.0  # the pauses after the connection was lost


class WakeListener:
    """A thread that calls `wake` for each hint, of our own services, too; from `start` to `end`."""

    def __init__(self, url: str, env: Env, wake: Callable[[], None]) -> None:
        self._connecting = Connecting(url, env)
        self._pause = Pause(env, first_s=FIRST_S, most_s=MOST_S)
        self._env, self._wake = env, wake
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unbroken-listen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Also if it never started."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._connecting.close()

    def _run(self) -> None:
        while not self._is_over.is_set():
            if self._pause.is_over(self._env.boot_us()):
                with suppress(psycopg.Error, ArchiveUnavailable):
                    self._listen()
                self._pause.fail()
            self._is_over.wait(HEED_S)

    def _listen(self) -> None:
        """Until it shall end. Raises psycopg.Error, ArchiveUnavailable."""
        connection = self._connecting.begin(_LISTEN).connection
        self._pause.clear()
        self._wake()  # what was told before
        while not self._is_over.is_set():
            for _ in connection.notifies(timeout=HEED_S):
                self._wake()
