"""What is held within `async with`: a lock, a slot, or a place in a window.

Theory of operation. Who holds a lease renews it at a third of its time. A holder counts its time
from before it asked, by its own clock, so it knows that a lock is over before the service gives it
to the next one; then what is done within it is cancelled. A process that stood still meanwhile
may go on for a moment all the same: that is what the fence is for. A slot only counts: what is
done within it goes on, and the slot is asked for again.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from uuid import UUID

from unbroken.coordination.lease import WAIT_S_MAX, LeaseAsk, LockFence
from unbroken.coordination.rate import Window
from unbroken.env import Env
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    LeaseLost,
    LimitReached,
    NotFree,
    OldFence,
    UnbrokenError,
)

log = logging.getLogger(__name__)

PART = 3  # of its time, at which a lease is renewed
AGAIN_PART = 10  # ...and asked for again while the service is away
RELEASE_S = 2.0  # then it is released behind our back
RELEASE_AGAIN_S, RELEASE_PAUSE_S = 0.25, 5.0  # between two tries: the first one, and the longest
RELEASING_MAX = 1_000  # beyond these a lost release is not asked for again

_releasing: dict[asyncio.Task[None], "LeaseWire"] = {}


class WithFence(Protocol):
    """What was granted, as far as its holder has to know it."""

    @property
    def fence(self) -> int: ...


class LeaseWire(Protocol):
    """What locks and limits speak with. Each call raises ArchiveUnavailable if nothing is known:
    then it may have been done or not."""

    async def grant(self, ask: LeaseAsk, *, wait_s: float = 0.0) -> WithFence:
        """Raises Locked or LimitReached."""

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> WithFence:
        """Raises LeaseLost."""

    async def release(self, lease_id: UUID) -> object: ...

    async def admit(self, window: Window) -> None:
        """Raises LimitReached."""


class Confirmed(Protocol):
    """A lock that is held, to what it guards."""

    async def confirm(self) -> LockFence:
        """Raises OldFence unless it is held still."""


HeldLocks: TypeAlias = MutableMapping[str, Confirmed]  # by name, of one session in one process


class LeaseHolder:
    """Asks, renews and releases. For one `async with`."""

    def __init__(
        self, wire: LeaseWire, env: Env, ask: LeaseAsk, *, wait_s: float | None = None
    ) -> None:
        self._wire, self._env, self._ask, self._wait_s = wire, env, ask, wait_s
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._renewing is not None:
            raise Conflict("this one is held already, or was: make another one")
        try:
            await self._grant()
        except BaseException as error:
            self._not_granted(error)
            raise
        self._renewing = asyncio.create_task(self._renew(), name="unbroken renew")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.wait({self._stop()}, timeout=RELEASE_S)

    def _stop(self) -> "asyncio.Task[None]":
        """Renew it no more; it is released behind our back."""
        if self._renewing is not None:
            self._renewing.cancel()
        return self._release()

    async def _grant(self) -> None:
        """Wait in the line of the service, again and again, until `wait_s` is over."""
        time = asyncio.get_running_loop().time
        until = None if self._wait_s is None else time() + self._wait_s
        while True:
            left_s = WAIT_S_MAX if until is None else min(WAIT_S_MAX, max(0.0, until - time()))
            try:
                await self._asked(left_s)
            except NotFree:
                if until is not None and time() >= until:
                    raise
            else:
                return

    async def _asked(self, wait_s: float) -> None:
        """Raises Locked, LimitReached."""
        await self._wire.grant(self._ask, wait_s=wait_s)

    async def _renew(self) -> None:
        ttl_s, is_renewed = self._ask.ttl_us / 1_000_000, True
        while True:
            await asyncio.sleep(ttl_s / (PART if is_renewed else AGAIN_PART))
            is_renewed = await self._is_renewed()

    async def _is_renewed(self) -> bool:
        """False: ask again soon."""
        raise NotImplementedError

    def _not_granted(self, _error: BaseException) -> None:
        """As far as is known: it may have been granted all the same."""
        self._release()

    def _release(self) -> "asyncio.Task[None]":
        return release_soon(self._wire, self._ask)


class Lock(LeaseHolder):
    """One holder at a time, of all agents and processes of the service.

    What is done within it is cancelled when it is lost, and LeaseLost is raised in place of that.
    """

    _number = 0
    _until_us = 0
    _lost: LeaseLost | None = None
    _task: asyncio.Task[object] | None = None
    _timer: asyncio.TimerHandle | None = None
    _cancelling = 0
    _is_closed = False

    def __init__(
        self,
        wire: LeaseWire,
        env: Env,
        ask: LeaseAsk,
        *,
        wait_s: float | None = None,
        held: HeldLocks | None = None,
    ) -> None:
        super().__init__(wire, env, ask, wait_s=wait_s)
        self._held: HeldLocks = {} if held is None else held

    @property
    def name(self) -> str:
        return self._ask.pool.name

    @property
    def fence(self) -> LockFence:
        """For what the lock guards, which refuses it when the lock was granted again since. Raises
        LeaseLost when it is over."""
        if self._lost is not None or self._env.boot_us() >= self._until_us:
            raise LeaseLost(f"the lock {self.name} is lost")
        return LockFence(self.name, self._number)

    async def confirm(self) -> LockFence:
        """Its fence, which is the newest one: the service was asked, and the lock has its whole
        time anew. While the service is away our clock says that nobody else can have it. Raises
        OldFence."""
        try:
            _ = self.fence
            with suppress(ArchiveUnavailable):
                await self._renewed()
            fence = self.fence
        except UnbrokenError as error:
            raise OldFence(f"the lock {self.name} is not held any more") from error
        return fence

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        await super().__aenter__()
        self._held[self.name] = self
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._held.get(self.name) is self:
            del self._held[self.name]
        is_ours = False
        if self._lost is not None and self._task is not None:
            is_ours = self._task.uncancel() <= self._cancelling
        await super().__aexit__(kind, error, tb)
        if is_ours and isinstance(error, asyncio.CancelledError):
            raise self._lost or LeaseLost(self.name) from error

    def _stop(self) -> "asyncio.Task[None]":
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        return super()._stop()

    async def _asked(self, wait_s: float) -> None:
        asked_us = self._env.boot_us()
        self._number = (await self._wire.grant(self._ask, wait_s=wait_s)).fence
        if self._env.boot_us() - asked_us > self._ask.ttl_us // PART:
            await self._renewed()  # when it was granted is not known so well
        else:
            self._expect(asked_us + self._ask.ttl_us)

    async def _renewed(self) -> None:
        asked_us = self._env.boot_us()
        await self._wire.renew(self._ask.lease_id, ttl_us=self._ask.ttl_us)
        self._expect(asked_us + self._ask.ttl_us)

    async def _is_renewed(self) -> bool:
        try:
            await self._renewed()
        except ArchiveUnavailable:
            return False
        except UnbrokenError as error:
            self._lose(error)
        return True

    def _expect(self, until_us: int) -> None:
        """It is ours until then, by our clock, and not longer."""
        if self._is_closed:  # a `confirm` was under way: nothing is lost any more
            return
        self._until_us = until_us
        if self._timer is not None:
            self._timer.cancel()
        left_s = (until_us - self._env.boot_us()) / 1_000_000
        self._timer = asyncio.get_running_loop().call_later(left_s, self._lose, None)

    def _lose(self, cause: UnbrokenError | None) -> None:
        if self._lost is None and self._task is not None:
            self._lost = LeaseLost(f"the lock {self.name} is lost")
            self._lost.__cause__ = cause
            self._task.cancel()


class Slot(LeaseHolder):
    """One of so many at a time, of all agents and processes of the service."""

    async def _is_renewed(self) -> bool:
        try:
            await self._wire.grant(self._ask)
        except ArchiveUnavailable:
            return False
        except UnbrokenError as error:  # it was lost in an outage: what it counts goes on
            log.warning("slot of %s lost: %s", self._ask.pool.name, error)
        return True


class WindowPlace:
    """A place in a window: counted when it is entered, and not given back."""

    def __init__(self, wire: LeaseWire, window: Window, *, wait_s: float | None) -> None:
        self._wire, self._window, self._wait_s = wire, window, wait_s

    async def __aenter__(self) -> Self:
        time = asyncio.get_running_loop().time
        until = None if self._wait_s is None else time() + self._wait_s
        while True:
            try:
                await self._wire.admit(self._window)
            except LimitReached as error:
                pause_s = max(0.01, error.retry_s)
                if until is not None and time() + pause_s > until:
                    raise
                await asyncio.sleep(pause_s)
            else:
                return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        return None


def release_soon(wire: LeaseWire, ask: LeaseAsk) -> "asyncio.Task[None]":
    """Released behind our back, over an outage, too: until its time is over, or `end_releases`."""
    task = asyncio.create_task(_released(wire, ask), name="unbroken release")
    _releasing[task] = wire
    task.add_done_callback(_releasing.pop)
    return task


async def end_releases(wire: LeaseWire) -> None:
    """Ask for no release more: `wire` is about to be closed."""
    ours = [task for task, its in _releasing.items() if its is wire]
    for task in ours:
        task.cancel()
    if ours:
        await asyncio.wait(ours)


async def _released(wire: LeaseWire, ask: LeaseAsk) -> None:
    """Unreleased it blocks others until its time is over."""
    time, pause_s = asyncio.get_running_loop().time, RELEASE_AGAIN_S
    until = time() + ask.ttl_us / 1_000_000
    while time() < until:
        try:
            await wire.release(ask.lease_id)
        except UnbrokenError:  # no refusal is one for good: a key may be being changed
            if len(_releasing) > RELEASING_MAX:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RELEASE_PAUSE_S)
        else:
            return
