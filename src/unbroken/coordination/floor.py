"""The floor of a room: which of its agents may speak."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from unbroken import names
from unbroken.coordination.floor_holding import FloorHolding
from unbroken.coordination.floor_said import FloorSaid, content_of, context_of
from unbroken.coordination.lease import LockFence
from unbroken.errors import LeaseLost, Locked, OldFence

T = TypeVar("T")


class Floor:
    """The floor of the room, as one role's agent has it or waits for it: only who has it is heard.

    `played` waits until what is being said was heard.
    """

    def __init__(self, holding: FloorHolding, played: Callable[[], Awaitable[None]]) -> None:
        self._holding, self._played = holding, played
        self._received = 0
        self._within = 0  # how many tasks are in `async with`

    # Reads, of memory.

    @property
    def is_held(self) -> bool:
        """Whether this agent may speak now."""
        return self._holding.is_held

    @property
    def holder(self) -> str | None:
        """The role whose the floor is, as far as is known here; None: nobody's."""
        return self._holding.said.role

    @property
    def fence(self) -> LockFence:
        """For what only the holder of the floor may change. Raises LeaseLost if it is not held."""
        return self._holding.lease.fence

    # The service.

    async def confirm(self) -> LockFence:
        """Its fence, which is the newest one: the service was asked. Raises OldFence."""
        try:
            return await self._holding.lease.confirm()
        except LeaseLost as error:
            raise OldFence(str(error)) from error

    @asynccontextmanager
    async def __call__(self, *, wait_s: float | None = None) -> AsyncIterator[Self]:
        """For `async with`: `take`, and at the end `release`, unless it was passed on within. Of
        several tasks within the last one releases it. Nothing within is cancelled when the floor
        is lost; it is not heard."""
        await self.take(wait_s=wait_s)
        self._within += 1
        try:
            yield self
        finally:
            self._within -= 1
            await self._end(lambda: not self._within)

    async def take(self, *, wait_s: float | None = None) -> Self:
        """On return this agent may speak, and no other that uses the floor. It waits for as long
        as it takes, over outages too, or raises behind `wait_s`: Locked, ArchiveUnavailable, or
        Conflict or NotFound while the service does not know the session. Raises CallTaken. For a
        role that has died, or has not come yet though the floor was passed to it, it waits ten
        seconds."""
        await self._holding.take(wait_s)
        return self

    async def receive(self, kind: type[T], *, wait_s: float | None = None) -> T:
        """Wait until the floor is passed to this role. On return this agent may speak; what was
        passed with it, which is of this `kind` (`object`: of any). Where an agent of this role
        died behind that, its successor receives the same once more, until the role passes the
        floor on or releases it. Raises Locked behind `wait_s`, CallTaken, and InvalidInput for what
        is of another kind: then the floor is not taken."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._receive(kind)
        except TimeoutError:
            raise Locked("nobody has passed the floor to this role") from None

    async def pass_to(self, role: str, context: object = None) -> None:
        """What is being said is said to its end; then this agent is silent, and the floor is for
        that role (if it does not come within ten seconds, for all): its `receive` has `context`, a
        value as userdata may have. All who may read the state of the room see it. Raises LeaseLost
        if the floor is not held, OldFence, InvalidInput for a context that cannot be passed,
        TooLarge, ArchiveUnavailable: then this agent has the floor still, and may pass it again."""
        names.check_new("the role", role)
        content = content_of(context)
        _ = self.fence
        await self._played()
        number = self.fence.number
        said = FloorSaid(role, number, by=self._holding.role, passed=number, context=content)
        await self._holding.say(said)
        await self._holding.leave()

    async def release(self) -> None:
        """What is being said is said to its end; then this agent is silent, and any role may take
        the floor. If it was lost meanwhile it does not come back. Nothing happens if it is not
        held, and was not to come back."""
        await self._end(lambda: True)

    async def _end(self, is_over: Callable[[], bool]) -> None:
        try:
            if self.is_held and is_over():
                await self._played()
        finally:
            if is_over():
                await self._holding.free()

    async def _receive(self, kind: type[T]) -> T:
        while True:
            while not self._is_passed():
                await self._holding.news()
            said = self._holding.said
            context = self._read(said, kind)
            await self._holding.take(None)
            if self._holding.said.passed == said.passed:
                self._received = said.passed
                return context
            await self.release()  # it came too late: another role had it since

    def _is_passed(self) -> bool:
        said = self._holding.said
        return said.role == self._holding.role and said.passed not in {0, self._received}

    def _read(self, said: FloorSaid, kind: type[T]) -> T:
        """What cannot be read is passed once, too."""
        known, self._received = self._received, said.passed
        context = context_of(said.context, kind)
        self._received = known
        return context
