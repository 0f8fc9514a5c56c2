"""A start for many processes at once: each is ready, then all begin."""

import os
import select
import time

READY_S = 60


class Start:
    """Made in the parent, before it forks."""

    def __init__(self) -> None:
        self._ready, self._tell_ready = os.pipe()
        self._gate, self._open_gate = os.pipe()

    def wait(self) -> None:
        """In a child: ready, until all may begin."""
        os.write(self._tell_ready, b".")
        os.read(self._gate, 1)

    def begin(self, children: int) -> float:
        """In the parent: when it was (monotonic). Raises TimeoutError if a child is not ready."""
        end, ready = time.monotonic() + READY_S, 0
        while ready < children:
            if not select.select([self._ready], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{ready} of {children} agents are ready")
            ready += len(os.read(self._ready, children))
        os.write(self._open_gate, b"." * children)
        for one in (self._ready, self._tell_ready, self._gate, self._open_gate):
            os.close(one)
        return time.monotonic()
