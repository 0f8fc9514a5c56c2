"""One at a time: of all requests of all services over one store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID
from weakref import WeakValueDictionary

from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable
from unbroken.store.port import Locks

HOLD_S = 6.0  # unrenewed: its process is gone, and whoever asks again has waited for no more
RENEW_S = 1.5
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
            renewing = asyncio.create_task(self._renew(name, holder), name=f"renew {name}")
            try:
                yield
            finally:
                renewing.cancel()
                with suppress(ArchiveUnavailable):  # what was done is done; the lock ends by itself
                    await self._locks.release(name, holder)

    async def _renew(self, name: str, holder: UUID) -> None:
        """However long it takes what is done: only the lock of a dead process ends by itself."""
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(ArchiveUnavailable):
                await self._locks.acquire(name, holder, hold_s=HOLD_S)
