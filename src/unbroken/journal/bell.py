"""Waking those who wait, here and in another process: a hint, never the truth.

Who was woken looks at what he waits for, and so he does without being woken, a little later. So a
bell that cannot be made, or rings for nothing, costs time and nothing else.
"""

import asyncio
import contextlib

from unbroken.env import Bell, Env


class Waking:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self.count = 0  # how often somebody was to be woken
        self._waiting: set[asyncio.Future[None]] = set()
        self._bell: Bell | None = None
        self._is_closed = False

    def listen(self, env: Env, path: str) -> None:
        """From here on other processes wake us by ringing `path`, until we are closed. Without
        room for a bell, or a descriptor, they do not."""
        if self._bell is None and not self._is_closed:
            with contextlib.suppress(OSError):
                self._bell = env.open_bell(path)
                asyncio.get_running_loop().add_reader(self._bell.descriptor, self._rung)

    def wake(self) -> None:
        """All who wait."""
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """Wait until `count` is another than `seen`; False if it is not within `timeout_s`."""
        if self.count != seen:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    def close(self) -> None:
        """Nobody rings any more; who waits here waits to his end."""
        self._is_closed = True
        if self._bell:
            asyncio.get_running_loop().remove_reader(self._bell.descriptor)
            self._bell.close()
            self._bell = None

    def _rung(self) -> None:
        if self._bell:
            self._bell.hush()
        self.wake()
