"""What grants locks, slots and windows: the store of a service, or the memory of a process.

Windows may be counted elsewhere, too (`unbroken.coordination.redis_windows`).
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from unbroken.coordination.lease import Lease, LeaseAnswer, LeaseAsk, Pool, Refused
from unbroken.coordination.rate import Window


class Windows(Protocol):
    """As `unbroken.coordination.rate` says."""

    async def admit(self, window: Window) -> Refused | None:
        """One more in the window; None: it is counted. Refused, it changes nothing."""


class Leases(Windows, Protocol):
    """Never more of a pool are held at once than the limit that the last one was granted under,
    by the store's time. Pools, limits and times are such as may be
    (`unbroken.coordination.lease`).

    What belongs to a session ends with it. Its locks end with the term that asked for them, too,
    and while it has no agent; its slots go on to the next term, which is given one that it has
    instead of another, whatever the limit.
    """

    async def grant(self, ask: LeaseAsk, *, only_own: bool = False) -> LeaseAnswer:
        """A lease that is held already is renewed, with its fence. `only_own`: only that, or a
        slot that the session has. Raises CallTaken if the term is not the session's any more,
        NotFound if nobody knows the session, Conflict if the lease is of another pool, LeaseLost
        if it is over."""

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> Lease:
        """It has its time anew, also if that was over and nobody has been granted any of its pool
        since. Raises LeaseLost."""

    async def release(self, lease_id: UUID) -> Pool | None:
        """Of what it was; None: nobody held it."""

    async def held(self, pools: Sequence[Pool]) -> dict[Pool, int]:
        """How many of each are held now."""

    async def list(self, *, limit: int, after: UUID | None = None) -> list[Lease]:
        """Those that are held now, by their ids."""

    async def fence(self, lock: str) -> int:
        """That of the newest grant of the lock; 0: none is known."""
