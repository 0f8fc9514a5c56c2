"""Who waits for what, in one process: first come, first served.

Theory of operation. The waiters of a pool stand in one line, and only the first of them asks what
grants it. It asks again when there is news: somebody has released one, another process may have,
or the time of one is over. When it has got one or gives up, the next one is the first, and asks at
once. So a release wakes one waiter and not all, nobody asks while nothing has changed, and who
comes later is served later.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from unbroken.coordination.lease import Pool
from unbroken.errors import ArchiveUnavailable

WAITERS_MAX = 2_000  # of all pools: each has a connection, of which there are 10,000


class WaitingLine:
    """Those who wait for one pool."""

    def __init__(self) -> None:
        self.limit = 1  # that the first one asks for
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._news = asyncio.Event()  # set once, when there may be one

    def tell(self) -> None:
        """There may be one."""
        self._news.set()
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Take it before asking: so nothing is missed that comes meanwhile."""
        return self._news

    @contextmanager
    def place(self) -> Iterator[asyncio.Future[None]]:
        """A place at the end of the line; done when it is the first."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._call_first()
        try:
            yield turn
        finally:
            self._waiting.remove(turn)
            self._call_first()

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def _call_first(self) -> None:
        if self._waiting and not self._waiting[0].done():
            self._waiting[0].set_result(None)


class WaitingLines:
    """All pools that somebody waits for in this process."""

    def __init__(self) -> None:
        self._lines: dict[Pool, WaitingLine] = {}
        self.waiters = 0

    @asynccontextmanager
    async def waiting(self, pool: Pool, *, until: float) -> AsyncIterator[WaitingLine]:
        """As the first of the line within it. Raises TimeoutError at `until`, by the loop's time,
        and ArchiveUnavailable for one too many."""
        if self.waiters >= WAITERS_MAX:
            raise ArchiveUnavailable(f"{WAITERS_MAX} wait for locks and slots already")
        line = self._lines.setdefault(pool, WaitingLine())
        self.waiters += 1
        try:
            with line.place() as turn:
                async with asyncio.timeout_at(until):
                    await turn
                yield line
        finally:
            self.waiters -= 1
            if line.is_empty:
                self._lines.pop(pool, None)

    def has(self, pool: Pool) -> bool:
        return pool in self._lines

    def tell(self, pool: Pool) -> None:
        """One may be free."""
        if line := self._lines.get(pool):
            line.tell()

    def see(self, pool: Pool, held: int) -> None:
        """So many are held now, of all processes."""
        if (line := self._lines.get(pool)) and held < line.limit:
            line.tell()

    @property
    def pools(self) -> list[Pool]:
        return list(self._lines)


async def news_within(news: asyncio.Event, wait_s: float) -> None:
    """Until there is news, at the latest for `wait_s`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await news.wait()
