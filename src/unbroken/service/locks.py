"""One at a time: of all requests of all services over one store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable
from unbroken.store.port import Locks

HOLD_S = 30.0  # what is done under a lock is over by then, or its process is gone
LOOK_S = 0.05  # at a lock that another process has


class OneAtATime:
    """Use as `async with one_at_a_time("room lobby")`. Raises ArchiveUnavailable before anything is
    done.

    The lock is a row. Requests of this process wait for each other first, in their order, so that
    one of them asks for the row.
    """

    def __init__(self, locks: Locks, env: Env) -> None:
        self._locks, self._env = locks, env
        # Weak: a lock that nobody holds or waits for is forgotten.
        self._here: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def __call__(self, name: str) -> AsyncIterator[None]:
        async with self._here.setdefault(name, asyncio.Lock()):
            holder = self._env.new_id()
            # Another process gives no event to wait for.
            while not await self._locks.acquire(name, holder, hold_s=HOLD_S):  # noqa: ASYNC110 - so
                await asyncio.sleep(LOOK_S)
            try:
                yield
            finally:
                with suppress(ArchiveUnavailable):  # what was done is done; the lock ends by itself
                    await self._locks.release(name, holder)
