"""`State`: what agents share about a room, a user or an application, as each of them sees it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from types import TracebackType
from typing import Protocol, Self, TypedDict

from unbroken.coordination import values
from unbroken.coordination.changes import StateChange
from unbroken.coordination.lease import LockFence
from unbroken.coordination.replica import Replica
from unbroken.coordination.scope import StateOwner, check_key, check_owner
from unbroken.coordination.stream import (
    Events,
    StateOpened,
    StateSnapshot,
    StateSynced,
    follow,
)
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, NotFound
from unbroken.log.plain import JSON

READY_S = 5.0


class _Guards(TypedDict):
    """On which conditions a change is made."""

    if_version: int | None
    fence: LockFence | None


class StateWire(Protocol):
    """What a `State` speaks with. Each call raises ArchiveUnavailable if nothing is known: then a
    change may or may not have been made."""

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None,
        fence: LockFence | None,
    ) -> StateChange: ...
    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None,
        fence: LockFence | None,
    ) -> StateChange: ...
    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None
    ) -> StateChange: ...
    async def delete(
        self, owner: StateOwner, key: str, *, if_version: int | None, fence: LockFence | None
    ) -> StateChange: ...
    def watch(
        self, owner: StateOwner, *, since: int | None, prefix: str
    ) -> AbstractAsyncContextManager[Events]: ...


class State:
    """The state of one owner. Belongs to one event loop.

    Values are JSON. Each has a version, the revision of the change that made it; a revision is a
    number that grows with every change of the owner. Reads are of memory, behind `ready`; changes
    go to the service, and are read here as soon as it has answered. Nothing is opened before it is
    used.
    """

    def __init__(self, owner: StateOwner, wire: StateWire, env: Env) -> None:
        self.owner = check_owner(owner)
        self._wire, self._env = wire, env
        self._replica = Replica()
        self._synced = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return await self.ready()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def ready(self, timeout_s: float = READY_S) -> Self:
        """On return all values are in memory, and are followed from now on. Raises
        ArchiveUnavailable if they are not here in time; they may come later."""
        if self._following is None:
            self._following = asyncio.create_task(self._follow(), name="unbroken state")
        synced = asyncio.ensure_future(self._synced.wait())
        try:
            await asyncio.wait(
                {synced, self._following}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            synced.cancel()
        self._read()
        return self

    async def aclose(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        self._following = None
        self._synced.clear()

    # Reads, of memory.

    def get(self, key: str, default: JSON = None) -> JSON:
        """The value, or `default` if there is none. It is yours: to change it changes nothing
        else. Raises ArchiveUnavailable before `ready`, Corrupt for one that is damaged."""
        known = self._read().get(check_key(key))
        return default if known is None else known.value

    def version(self, key: str) -> int:
        """That of the value, for `if_version`; 0: there is none."""
        known = self._read().get(check_key(key))
        return 0 if known is None else known.version

    def values(self, prefix: str = "") -> dict[str, JSON]:
        """Those whose keys begin with `prefix`, in the order of their keys."""
        return {known.key: known.value for known in self._read().values(prefix)}

    @property
    def revision(self) -> int:
        """Up to which all changes are in memory: `watch(since=)` goes on behind it."""
        return self._read().revision

    # Changes, on the service.

    async def set(
        self,
        key: str,
        value: JSON,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> int:
        """The key has this value now; its version. Raises OtherVersion if it has not `if_version`
        (0: if it is there), OldFence if the lock of `fence` was granted again since, TooLarge
        beyond 256 KiB or 10,000 keys, InvalidInput."""
        content = values.encoded(value)
        given: _Guards = {"if_version": if_version, "fence": fence}
        asked = self._wire.set(self.owner, check_key(key), content, **given)
        return self._wrote(await asked).version

    async def patch(
        self,
        key: str,
        merge: JSON,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> JSON:
        """Merge into the value (RFC 7386: objects member by member, null takes one away); what it
        is now. Merges of many at once are all in it. Raises as `set`."""
        content = values.encoded(merge)
        given: _Guards = {"if_version": if_version, "fence": fence}
        asked = self._wire.patch(self.owner, check_key(key), content, **given)
        return self._wrote(await asked).value

    async def inc(self, key: str, by: float = 1, *, fence: LockFence | None = None) -> int | float:
        """Add to the number, 0 if there is none; what it is now. Done once, even if the answer is
        lost and it is asked again. Raises Conflict if the value is no number, OldFence."""
        done = self._wrote(await self._wire.add(self.owner, check_key(key), by, fence=fence))
        total: int | float = done.value
        return total

    async def delete(
        self, key: str, *, if_version: int | None = None, fence: LockFence | None = None
    ) -> bool:
        """False: there was none. Raises OtherVersion, OldFence."""
        given: _Guards = {"if_version": if_version, "fence": fence}
        asked = self._wire.delete(self.owner, check_key(key), **given)
        try:
            self._wrote(await asked)
        except NotFound:
            return False
        return True

    async def watch(
        self, prefix: str = "", *, since: int | None = None
    ) -> AsyncIterator[StateSnapshot | StateChange]:
        """Each change behind the revision `since`, once and in order, over all outages; it does
        not end by itself. Without `since`, and where changes since then are no longer known, a
        StateSnapshot of all values comes first. Only of keys that begin with `prefix`."""
        told = follow(lambda at: self._connect(at, prefix), self._env, since=since)
        async with aclosing(told):
            async for one in told:
                if isinstance(one, StateSnapshot | StateChange):
                    yield one

    def _connect(self, since: int | None, prefix: str = "") -> AbstractAsyncContextManager[Events]:
        return self._wire.watch(self.owner, since=since, prefix=prefix)

    async def _follow(self) -> None:
        async for told in follow(self._connect, self._env):
            match told:
                case StateOpened():
                    self._replica.reopen()
                case StateSnapshot(revision, changes):
                    self._replica.reset(revision, changes)
                case StateSynced():
                    self._synced.set()
                case StateChange():
                    self._replica.follow(told)

    def _read(self) -> Replica:
        if self._following and self._following.done() and not self._following.cancelled():
            self._following.result()  # it has ended by what is no outage
        if not self._synced.is_set():
            raise ArchiveUnavailable(
                f"the state of {self.owner.id} is not here (yet): await ready()"
            )
        return self._replica

    def _wrote(self, change: StateChange) -> StateChange:
        self._replica.wrote(change)
        return change
