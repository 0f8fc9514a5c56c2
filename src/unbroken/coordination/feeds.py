"""What watchers are told: all that came behind a revision, and each further change as it comes.

Theory of operation. A watcher has a position, the revision up to which it knows everything, and
reads what came behind it. When nothing is there it waits for news of its owner. Who changes
something in this process says so at once; what other processes change is looked for once a second,
for all watched owners in one query. News may come for nothing, and wake more than they must: what
a watcher is told depends on its position alone, so nothing is missed or told twice.

A watcher without a position, or whose position is no longer known, is first given all values: as
they are read, in pages, but for those that were changed meanwhile. Their changes follow.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from unbroken.coordination.changes import StateChange, StateChanges
from unbroken.coordination.port import SharedState
from unbroken.coordination.scope import StateOwner
from unbroken.errors import ArchiveUnavailable

LOOK_S = 1.0
ALIVE_S = 15.0  # proxies close what says nothing for a minute, most of them
WATCHERS_MAX = 2_000  # each has a connection, of which there are 10,000
PART, PART_BYTES = 256, 1 << 20  # read at once for one watcher

SNAPSHOT, VALUE, CHANGE, SYNCED, ALIVE = "snapshot", "value", "change", "synced", "alive"


class StateEvent(NamedTuple):
    """What a watcher is told, in this order:

    `snapshot`: what it knew counts no more; a `value` for each key follows.
    `change`: the next one. `synced`: it knows all that there was when it came.
    `alive`: there is nothing new.
    `revision` is what it knows completely with it; in a snapshot, with all of its values.
    """

    name: str
    revision: int
    change: StateChange | None = None


class Feeds:
    """All watched owners of one process."""

    def __init__(self, state: SharedState) -> None:
        self._state = state
        self._feeds: dict[StateOwner, Feed] = {}
        self.watchers = 0

    @contextmanager
    def watching(self, owner: StateOwner) -> Iterator["Feed"]:
        """Use within it what `watch` gives. Raises ArchiveUnavailable for one too many."""
        if self.watchers >= WATCHERS_MAX:
            raise ArchiveUnavailable(f"there are {WATCHERS_MAX} watchers already")
        feed = self._feeds.setdefault(owner, Feed(self._state, owner))
        self.watchers += 1
        feed.watchers += 1
        try:
            yield feed
        finally:
            self.watchers -= 1
            feed.watchers -= 1
            if not feed.watchers:
                self._feeds.pop(owner, None)

    def tell(self, owner: StateOwner) -> None:
        """It was changed by this process."""
        if feed := self._feeds.get(owner):
            feed.tell()

    async def look(self) -> None:
        """Until cancelled: tell of what other processes change."""
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(ArchiveUnavailable):  # watchers are told when they read
                await self._look_once()

    async def _look_once(self) -> None:
        if not self._feeds:
            return
        found = await self._state.revisions(list(self._feeds))
        for owner, feed in self._feeds.items():
            if feed.seen != found.get(owner, 0):
                feed.tell()


class Feed:
    """The changes of one owner, for all who watch it here."""

    def __init__(self, state: SharedState, owner: StateOwner) -> None:
        self.watchers = 0
        self.seen = 0  # the revision at the last read
        self.news = asyncio.Event()  # set once, when there may be more than was read
        self._state, self._owner = state, owner
        self._reads: dict[int, asyncio.Task[StateChanges]] = {}  # begun since the last news

    def tell(self) -> None:
        self._reads.clear()  # they may not have it
        self.news.set()
        self.news = asyncio.Event()

    async def watch(
        self, *, since: int | None = None, prefix: str = ""
    ) -> AsyncGenerator[StateEvent, None]:
        """What came behind the revision `since`, None: all values first; does not end."""
        position, is_synced = since, False
        while True:
            news = self.news
            found = None if position is None else await self._after(position)
            if position is None or found is None or not found.is_known:
                async for event in self._snapshot(prefix):
                    position, is_synced = event.revision, False
                    yield event
                continue
            for change in found.changes:
                position = change.version
                if change.key.startswith(prefix):
                    yield StateEvent(CHANGE, position, change)
            if position < found.revision:
                continue
            if not is_synced:
                is_synced = True
                yield StateEvent(SYNCED, position)
            elif not await _within(news, ALIVE_S):
                yield StateEvent(ALIVE, position)

    async def _after(self, revision: int) -> StateChanges:
        """Read once for all who stand there."""
        reading = self._reads.get(revision)
        if reading is None:
            asked = self._state.changes(
                self._owner, after=revision, limit=PART, bytes_max=PART_BYTES
            )
            reading = self._reads[revision] = asyncio.ensure_future(asked)
            reading.add_done_callback(lambda done: self._read(revision, done))
        return await asyncio.shield(reading)

    def _read(self, revision: int, done: "asyncio.Task[StateChanges]") -> None:
        if self._reads.get(revision) is done:
            del self._reads[revision]
        if not done.cancelled() and done.exception() is None:
            self.seen = done.result().revision

    async def _snapshot(self, prefix: str) -> AsyncIterator[StateEvent]:
        """All values as they are at one revision, but for those that were changed since."""
        revision, after = None, ""
        while True:
            page = await self._state.list(
                self._owner, prefix=prefix, after=after, limit=PART, bytes_max=PART_BYTES
            )
            if revision is None:
                revision = page.revision
                yield StateEvent(SNAPSHOT, revision)
            for value in page.values:
                if value.version <= revision:
                    yield StateEvent(VALUE, revision, value)
            if page.next is None:
                return
            after = page.next


async def _within(news: asyncio.Event, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            await news.wait()
    except TimeoutError:
        return False
    return True
