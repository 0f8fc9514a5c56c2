"""Shared state whose changes are told to who watches it in this process."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager

from unbroken.coordination.changes import StateChange
from unbroken.coordination.feeds import Feeds, StateEvent
from unbroken.coordination.lease import LockFence
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.port import SharedState
from unbroken.coordination.scope import StateOwner
from unbroken.coordination.state import State
from unbroken.env import Host


class WatchedState:
    """A `StateWire` over what keeps the state."""

    def __init__(self, kept: SharedState) -> None:
        self.kept = kept
        self.feeds = Feeds(kept)

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._told(
            owner, self.kept.set(owner, key, content, if_version=if_version, fence=fence)
        )

    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._told(
            owner, self.kept.patch(owner, key, patch, if_version=if_version, fence=fence)
        )

    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None = None
    ) -> StateChange:
        return await self._told(owner, self.kept.add(owner, key, by, fence=fence))

    async def delete(
        self,
        owner: StateOwner,
        key: str,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._told(
            owner, self.kept.delete(owner, key, if_version=if_version, fence=fence)
        )

    async def erase(self, owner: StateOwner) -> bool:
        done = await self.kept.erase(owner)
        self.feeds.tell(owner)
        return done

    @asynccontextmanager
    async def watch(
        self, owner: StateOwner, *, since: int | None = None, prefix: str = ""
    ) -> AsyncIterator[AsyncIterator[StateEvent]]:
        """What `Feed.watch` tells. Raises ArchiveUnavailable if there are too many watchers."""
        with self.feeds.watching(owner) as feed:
            async with aclosing(feed.watch(since=since, prefix=prefix)) as events:
                yield events

    async def _told(self, owner: StateOwner, change: Awaitable[StateChange]) -> StateChange:
        """Of a change that has failed, too: it may have been made all the same."""
        try:
            return await change
        finally:
            self.feeds.tell(owner)


class MemoryState(State):
    """A `State` in the memory of this process, for tests of applications. Those of one `shared`
    know of each other's changes; by default it is alone."""

    def __init__(self, owner: StateOwner, shared: WatchedState | None = None) -> None:
        super().__init__(owner, shared or WatchedState(MemoryShared()), Host())
