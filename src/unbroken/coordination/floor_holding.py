"""Having the floor of a room: how it is taken, kept, lost and taken again.

Theory of operation. The floor is a lock of the room, and a record in the room's state that says
whose it is: the role that has it, or that is to take it. The record is only changed under the
lock, by its fence. So a role whose agent has died keeps it for a while: who is granted the lock
and reads there that the floor is another role's gives it back, and takes it for good when that
role has not come within CLAIM_S. A hand-over is a record that names the next role, and what it is
given, before the lock is released.

Who has the floor is read from memory and the clock, with every frame of sound. It is held for
TTL_S at a time: so an outage of the service silences nobody for a few minutes. An agent that dies
blocks nobody for so long: its lock ends with its term.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self

import msgspec

from unbroken.coordination import floor_said
from unbroken.coordination.floor_said import FLOOR, KEY, FloorSaid
from unbroken.coordination.holding import HeldLocks, LeaseWire, Lock, release_soon
from unbroken.coordination.lease import TTL_S_MAX, LeaseAsk
from unbroken.coordination.state import State
from unbroken.coordination.stream import StateSnapshot
from unbroken.env import Env
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    LeaseLost,
    Locked,
    NotFound,
    UnbrokenError,
)

log = logging.getLogger(__name__)

TTL_S = TTL_S_MAX
CLAIM_S = 10.0  # so long the floor waits for the role whose it is
AGAIN_S = 1.0  # between two tries while the service is away, or does not know us yet
REFUSED_S = 5.0  # ...and where it refuses what may not be refused for good
RESUME_S = 2.0  # so long a start waits for the floor that an earlier term had


class FloorLease(Lock):
    """One grant of the floor. Nothing is cancelled when it is lost: its holder falls silent."""

    on_lost: Callable[[], None] | None = None

    @property
    def is_ours(self) -> bool:
        return self._lost is None and self._env.boot_us() < self._until_us

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._task = None
        return self

    async def close(self) -> None:
        await self.__aexit__(None, None, None)

    def see(self, fence: int) -> None:
        """One with this fence has the floor, or had it: a newer one ends this one."""
        if fence > self._number:
            self._lose(None)

    def stop(self) -> None:
        """Renew it no more; it is released behind our back."""
        self._stop()

    def _not_granted(self, _error: BaseException) -> None:
        """Where nothing is known the same one is asked for again."""
        if not isinstance(_error, ArchiveUnavailable):
            super()._not_granted(_error)

    def _lose(self, cause: UnbrokenError | None) -> None:
        if self._lost is None:
            self._lost = LeaseLost("the floor is lost")
            self._lost.__cause__ = cause
            if self.on_lost:
                self.on_lost()


class FloorHolding:
    """What one role's agent knows and has of the floor. `silenced` is called when it is lost;
    `is_over` says whether the call is another agent's, or has ended."""

    def __init__(
        self,
        room: State,
        wire: LeaseWire,
        env: Env,
        *,
        role: str,
        ask: Callable[[], LeaseAsk],
        held: HeldLocks,
        silenced: Callable[[], None],
        is_over: Callable[[], bool],
    ) -> None:
        self.role = role
        self.said = FloorSaid()
        self._room, self._wire, self._env = room, wire, env
        self._ask, self._held, self._silenced, self._is_over = ask, held, silenced, is_over
        self._version, self._has_snapshot = 0, False
        self._lease: FloorLease | None = None
        self._unsure: LeaseAsk | None = None  # asked for; whether it was granted is not known
        self._taking = asyncio.Lock()
        self._known = asyncio.Event()
        self._news = asyncio.Event()  # another one with each piece of news
        self._regaining: asyncio.Task[None] | None = None

    @property
    def is_held(self) -> bool:
        """Memory and the clock: asked with every frame."""
        return self._lease is not None and self._lease.is_ours

    @property
    def lease(self) -> FloorLease:
        """Raises LeaseLost."""
        if self._lease is None or not self._lease.is_ours:
            raise LeaseLost("the floor is not held here")
        return self._lease

    async def follow(self) -> None:
        """Until cancelled: know whose the floor is."""
        while True:
            try:
                await self._follow()
            except UnbrokenError as error:  # no outage: a key that is being changed, say
                log.warning("whose the floor is, is not known: %s", error)
            await asyncio.sleep(REFUSED_S)

    async def _follow(self) -> None:
        async for told in self._room.watch(KEY):
            if isinstance(told, StateSnapshot):
                found = next((change for change in told.changes if change.key == KEY), None)
                if self._has_snapshot:  # a restored store may be behind what was known
                    self._version = told.revision
                self._has_snapshot = True
                self._hear(floor_said.told(found), told.revision)
            elif told.key == KEY:
                self._hear(floor_said.told(told), told.version)

    async def news(self) -> None:
        """Wait until something is said of the floor."""
        await self._news.wait()

    async def take(self, wait_s: float | None) -> None:
        """It is held. Raises as `Floor.take`."""
        time = asyncio.get_running_loop().time
        until = None if wait_s is None else time() + wait_s
        async with self._turn(until):
            if not self.is_held:
                try:
                    await self._take(until)
                finally:
                    self._forget()

    async def say(self, said: FloorSaid) -> None:
        """Under the lock that is held. Raises LeaseLost, OldFence, TooLarge,
        ArchiveUnavailable."""
        await self._say(self.lease, said)

    async def free(self) -> None:
        """Silent from this moment on, and it is nobody's, as far as the service can be told: also
        if it was lost before, and was to be had again."""
        lease = self._lease
        self._let_go()
        was_to_come = await self._regain_no_more()
        with suppress(UnbrokenError, TimeoutError):  # others wait a little longer then
            if lease is not None and lease.is_ours:
                await self._say(lease, FloorSaid(fence=lease.fence.number))
            elif was_to_come and self.said.role == self.role:
                await self._disown()
        if lease is not None:
            await lease.close()

    async def leave(self) -> None:
        """Silent from this moment on, and the lock is released."""
        if (lease := self._lease) is not None:
            self._let_go()
            await lease.close()

    async def resume(self) -> None:
        """A successor has the floor again that its role had. Waits RESUME_S at most; it may come
        later."""
        await asyncio.wait({self._regain()}, timeout=RESUME_S)

    async def aclose(self) -> None:
        await self._regain_no_more()
        await self.leave()

    @asynccontextmanager
    async def _turn(self, until: float | None) -> AsyncIterator[None]:
        """One of our tasks asks at a time. Raises Locked behind `until`."""
        try:
            async with asyncio.timeout_at(until):
                await self._taking.acquire()
        except TimeoutError:
            raise Locked("another task waits for the floor") from None
        try:
            yield
        finally:
            self._taking.release()

    async def _take(self, until: float | None) -> None:
        time = asyncio.get_running_loop().time
        overdue: FloorSaid | None = None
        while True:
            left_s = None if until is None else max(0.0, until - time())
            try:
                others = await self._granted(left_s, overdue)
            except (ArchiveUnavailable, Conflict, NotFound):
                if left_s == 0.0:
                    raise
                await asyncio.sleep(AGAIN_S if left_s is None else min(AGAIN_S, left_s))
                continue
            if others is None:
                return
            if left_s == 0.0:
                raise Locked(f"the floor is {others.role}'s")
            patience_s = CLAIM_S if left_s is None else min(CLAIM_S, left_s)
            is_overdue = await self._stays(others, patience_s) and patience_s == CLAIM_S
            overdue = others if is_overdue else None

    async def _granted(self, wait_s: float | None, overdue: FloorSaid | None) -> FloorSaid | None:
        """None: the floor is ours. Else it is not, and this says whose it is."""
        lease = await self._leased(wait_s)
        try:
            before = await self._before(lease)
            if before.role not in {None, self.role} and before != overdue:
                await lease.close()
                return before
            kept = before if before.role == self.role else FloorSaid()  # for a successor, too
            number = lease.fence.number
            await self._say(lease, msgspec.structs.replace(kept, role=self.role, fence=number))
            self._have(lease)
        except BaseException:
            await lease.close()
            raise
        return None

    async def _leased(self, wait_s: float | None) -> FloorLease:
        """The lock. One whose grant had no answer is asked for again, as the same one: another
        would wait for it."""
        ask, self._unsure = self._unsure or self._ask(), None
        try:
            return await FloorLease(self._wire, self._env, ask, wait_s=wait_s).__aenter__()
        except ArchiveUnavailable:
            self._unsure = ask
            raise

    def _forget(self) -> None:
        """Nobody asks for it again."""
        if self._unsure is not None:
            release_soon(self._wire, self._unsure)
            self._unsure = None

    async def _before(self, lease: FloorLease) -> FloorSaid:
        """What is said now: under the lock nobody says anything else."""
        said = floor_said.known(await self._room.patch(KEY, {}, fence=lease.fence))
        self._hear(said, self._version)
        return said

    def _have(self, lease: FloorLease) -> None:
        _ = lease.fence  # it may have been lost meanwhile
        lease.on_lost = lambda: self._lost(lease)
        self._lease = self._held[FLOOR] = lease

    async def _stays(self, said: FloorSaid, within_s: float) -> bool:
        """Whether nothing else is said of the floor for so long."""
        try:
            async with asyncio.timeout(within_s):
                while self.said == said:
                    await self.news()
        except TimeoutError:
            return True
        return False

    async def _say(self, lease: FloorLease, said: FloorSaid) -> None:
        value = msgspec.to_builtins(said)
        self._hear(said, await self._room.set(KEY, value, fence=lease.fence))

    def _hear(self, said: FloorSaid, version: int) -> None:
        if version >= self._version:
            self.said, self._version = said, version
            if self._lease is not None:
                self._lease.see(said.fence)
        self._known.set()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _let_go(self) -> None:
        self._lease = None
        self._held.pop(FLOOR, None)

    def _lost(self, lease: FloorLease) -> None:
        if lease is not self._lease:
            return  # it was left before
        log.warning("the floor is lost")
        self._let_go()
        lease.stop()
        self._silenced()
        self._regain()

    def _regain(self) -> "asyncio.Task[None]":
        if self._regaining is None or self._regaining.done():
            self._regaining = asyncio.create_task(self._again(), name="unbroken floor again")
        return self._regaining

    async def _regain_no_more(self) -> bool:
        """Whether it was to be had again."""
        if self._regaining is None or self._regaining.done():
            return False
        self._regaining.cancel()
        await asyncio.wait({self._regaining})
        return True

    async def _disown(self) -> None:
        """It is said to be our role's, which wants it no more. Nothing is heard meanwhile."""
        until = asyncio.get_running_loop().time() + RESUME_S
        async with asyncio.timeout_at(until), self._turn(until):
            try:
                lease = await self._leased(RESUME_S)
            finally:
                self._forget()
            try:
                if (await self._before(lease)).role == self.role:
                    await self._say(lease, FloorSaid(fence=lease.fence.number))
            finally:
                await lease.close()

    async def _again(self) -> None:
        """As long as it is our role's, try to have it."""
        try:
            await self._known.wait()
            await self._tries()
        finally:
            self._forget()

    async def _tries(self) -> None:
        while self.said.role == self.role and not self.is_held:
            try:
                async with self._taking:
                    if not self.is_held:
                        await self._take(asyncio.get_running_loop().time() + RESUME_S)
            except (Locked, ArchiveUnavailable, Conflict, NotFound):
                await asyncio.sleep(AGAIN_S)
            except UnbrokenError as error:
                if self._is_over():
                    return
                # a restored store, say, that our keeper has not told of this term yet
                log.warning("the floor is not taken again yet: %s", error)
                await asyncio.sleep(REFUSED_S)
