"""Blobs that nothing refers to: deleted when a day has passed since they were put.

Of several services one at a time looks, a few pages of the blobs in each round; after the last one
it begins anew. Where another database has marked the bucket as its own, nothing is deleted.
"""

import asyncio
from collections.abc import Sequence

import structlog

from unbroken.errors import UnbrokenError
from unbroken.service.parts import ServiceParts

ROUND_S = 60.0
PAGES = 4  # of a round
IDLE_S = 86_400.0
LOCK = "blobs"
# A round is over long before another service may begin one, and what a round that was broken off
# has left doomed is deleted by a later one.
WORK_S, HOLD_S = 60.0, 240.0
GROUPS = 256

log = structlog.get_logger()


class Collector:
    """While it runs, no blob without an entry or a file stays for good."""

    def __init__(self, parts: ServiceParts) -> None:
        self._store, self._blobs, self._env = parts.store, parts.blobs, parts.env
        self._group, self._after = 0, b""
        self._is_told = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.round()
            except (UnbrokenError, TimeoutError) as error:
                log.warning("blobs not collected", error=type(error).__name__)
            except Exception:  # a fault in one round must not end all
                log.exception("blobs not collected")

    async def round(self) -> int:
        """Delete what is due on the next pages, and how many that were. Raises TimeoutError."""
        holder = self._env.new_id()
        if not await self._store.locks.acquire(LOCK, holder, hold_s=HOLD_S):
            return 0
        try:
            async with asyncio.timeout(WORK_S):
                return await self._collect()
        finally:
            await self._store.locks.release(LOCK, holder)

    async def _collect(self) -> int:
        if not await self._blobs.is_of(self._store.archive.identity.system_id):
            if not self._is_told:
                log.warning("the blobs are another database's: nothing of them is deleted")
            self._is_told = True
            return 0
        until_us = self._env.boot_us() + int(WORK_S * 1_000_000)
        count = await self._delete(await self._store.uses.doomed(for_s=HOLD_S), until_us)
        for _ in range(PAGES):
            count += await self._delete(await self._due(), until_us)
        return count

    async def _due(self) -> list[bytes]:
        """Of the next page."""
        page = await self._blobs.page(self._group, after=self._after)
        self._after = page[-1].sha256 if page else b""
        if not page:
            self._group = (self._group + 1) % GROUPS
        before_us = self._env.now_us() - int(IDLE_S * 1_000_000)
        old = [one.sha256 for one in page if one.at_us < before_us]
        return await self._store.uses.doom(old, idle_s=IDLE_S)

    async def _delete(self, doomed: Sequence[bytes], until_us: int) -> int:
        """A process that stood still meanwhile deletes nothing: another may have, and it may be
        there again."""
        for sha256 in doomed:
            if self._env.boot_us() > until_us:
                raise TimeoutError
            await self._blobs.delete(sha256)
        if doomed:
            log.info("blobs deleted", count=len(doomed))
        await self._store.uses.forget(doomed, idle_s=IDLE_S)
        return len(doomed)
