"""Leases that may be waited for, over what grants them."""

import asyncio
from contextlib import suppress
from uuid import UUID

from unbroken.coordination.coordinator import Leases, Windows
from unbroken.coordination.lease import Lease, LeaseAnswer, LeaseAsk, Refused, refusal
from unbroken.coordination.line import WaitingLines, news_within
from unbroken.coordination.rate import Window, full
from unbroken.errors import ArchiveUnavailable, UnbrokenError

LOOK_S = 1.0
PAUSE_S = 0.02  # behind the end of a lease: clocks of the loop and of the store differ


class WaitedLeases:
    """What a service does with leases, and a process that has them in memory.

    Those who wait in one process are served in their order. Of several processes over one store
    each has its own line, and the first ones of the lines ask side by side.

    `windows`: where these are counted, if that is not where leases are kept.
    """

    def __init__(self, kept: Leases, windows: Windows | None = None) -> None:
        self.kept, self._windows = kept, windows or kept
        self.lines = WaitingLines()
        self._given_back: set[asyncio.Task[None]] = set()

    async def grant(self, ask: LeaseAsk, *, wait_s: float = 0.0) -> Lease:
        """Raises Locked or LimitReached if it is not granted within `wait_s`, and what
        `Leases.grant` raises. Who is cancelled has nothing."""
        until = asyncio.get_running_loop().time() + wait_s
        is_waited_for = self.lines.has(ask.pool)
        answer = await self._ask(ask, only_own=is_waited_for)
        if isinstance(answer, Lease):
            return answer
        if wait_s > 0:
            with suppress(TimeoutError):
                return await self._wait(ask, until)
        raise refusal(ask.pool, answer.retry_s)

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> Lease:
        """Raises LeaseLost."""
        return await self.kept.renew(lease_id, ttl_us=ttl_us)

    async def release(self, lease_id: UUID) -> bool:
        """False: nobody held it. Who waits for it is woken."""
        pool = await self.kept.release(lease_id)
        if pool is not None:
            self.lines.tell(pool)
        return pool is not None

    async def admit(self, window: Window) -> None:
        """Raises LimitReached."""
        refused = await self._windows.admit(window)
        if refused is not None:
            raise full(window, refused.retry_s)

    async def look(self) -> None:
        """Until cancelled: wake those who wait for what other processes have released, or what has
        ended with its session."""
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(ArchiveUnavailable):  # who waits is told when they ask
                await self.look_once()

    async def look_once(self) -> None:
        if pools := self.lines.pools:
            for pool, held in (await self.kept.held(pools)).items():
                self.lines.see(pool, held)

    async def _wait(self, ask: LeaseAsk, until: float) -> Lease:
        """Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        async with self.lines.waiting(ask.pool, until=until) as line:
            while True:
                news, line.limit = line.news, ask.limit
                answer = await self._ask(ask)
                if isinstance(answer, Lease):
                    return answer
                left_s = until - loop.time()
                if left_s <= 0:
                    raise TimeoutError
                await news_within(news, min(left_s, answer.retry_s + PAUSE_S))

    async def _ask(self, ask: LeaseAsk, *, only_own: bool = False) -> LeaseAnswer:
        """Who is cancelled meanwhile does not keep what is granted all the same."""
        asked = asyncio.ensure_future(self.kept.grant(ask, only_own=only_own))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            task = asyncio.create_task(self._give_back(asked, ask.lease_id))
            self._given_back.add(task)
            task.add_done_callback(self._given_back.discard)
            raise

    async def _give_back(self, asked: "asyncio.Future[LeaseAnswer]", lease_id: UUID) -> None:
        with suppress(UnbrokenError):  # unreleased it ends by itself
            if not isinstance(await asked, Refused):
                await self.release(lease_id)
