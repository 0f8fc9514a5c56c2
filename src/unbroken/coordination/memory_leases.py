"""Locks, slots and windows in the memory of one process: for tests of applications, and for agents
without a service. It keeps the contract of the stores, and is gone with its process."""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

import msgspec

from unbroken.coordination.lease import (
    LOCK,
    SLOT,
    Lease,
    LeaseAnswer,
    LeaseAsk,
    Pool,
    Refused,
)
from unbroken.coordination.rate import Window
from unbroken.env import Env, Host
from unbroken.errors import Conflict, LeaseLost


class MemoryLeases:
    """A `Leases`. It knows no sessions but by what asks for them: a term ends with the next one."""

    def __init__(self, env: Env | None = None) -> None:
        self._env = env or Host()
        self._leases: dict[UUID, Lease] = {}
        self._fences: dict[Pool, int] = {}
        self._windows: dict[str, deque[int]] = {}  # when each one leaves

    async def grant(self, ask: LeaseAsk, *, only_own: bool = False) -> LeaseAnswer:
        if ask.lease_id in self._leases:
            return self._again(ask)
        self._end(ask)
        mine = self._of_earlier_term(ask)
        if mine is not None:
            del self._leases[mine.lease_id]
        others = self._of(ask.pool)
        if mine is None and (only_own or len(others) >= ask.limit):
            return Refused(_until_first(others, self._env.now_us()))
        return self._put(ask)

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> Lease:
        lease = self._leases.get(lease_id)
        if lease is None:
            raise LeaseLost(f"lease {lease_id} is over")
        return self._renewed(lease, ttl_us)

    async def release(self, lease_id: UUID) -> Pool | None:
        lease = self._leases.pop(lease_id, None)
        return lease.pool if lease else None

    async def held(self, pools: Sequence[Pool]) -> dict[Pool, int]:
        now_us = self._env.now_us()
        return {p: sum(lease.until_us > now_us for lease in self._of(p)) for p in pools}

    async def list(self, *, limit: int, after: UUID | None = None) -> list[Lease]:
        now_us = self._env.now_us()
        held = sorted((x for x in self._leases.values() if x.until_us > now_us), key=_id)
        return [lease for lease in held if after is None or lease.lease_id > after][:limit]

    async def fence(self, lock: str) -> int:
        return self.newest(lock)

    def newest(self, lock: str) -> int:
        """As `fence`."""
        return self._fences.get(Pool(LOCK, lock), 0)

    async def admit(self, window: Window) -> Refused | None:
        now_us, ends = self._env.now_us(), self._windows.pop(window.text, deque[int]())
        self._forget(now_us)
        self._windows[window.text] = ends  # the last one: it was asked for now
        while ends and ends[0] <= now_us:
            ends.popleft()
        if len(ends) >= window.limit:
            return Refused((ends[-window.limit] - now_us) / 1_000_000)
        ends.append(now_us + window.per_us)
        return None

    def _forget(self, now_us: int) -> None:
        """The one that nobody has asked for for longest, if all have left it."""
        if self._windows:
            oldest = next(iter(self._windows))
            if self._windows[oldest][-1] <= now_us:
                del self._windows[oldest]

    def _of(self, pool: Pool) -> "list_[Lease]":
        return [lease for lease in self._leases.values() if lease.pool == pool]

    def _end(self, ask: LeaseAsk) -> None:
        """What is over makes room."""
        now_us = self._env.now_us()
        for lease in self._of(ask.pool):
            is_former = lease.pool.kind == LOCK and _is_former(lease, ask)
            if lease.until_us <= now_us or is_former:
                del self._leases[lease.lease_id]

    def _again(self, ask: LeaseAsk) -> Lease:
        lease = self._leases[ask.lease_id]
        if lease.pool != ask.pool:
            raise Conflict(f"lease {ask.lease_id} is of another pool")
        return self._renewed(lease, ask.ttl_us)

    def _of_earlier_term(self, ask: LeaseAsk) -> Lease | None:
        mine = (x for x in self._of(ask.pool) if x.pool.kind == SLOT and _is_former(x, ask))
        return min(mine, key=_id, default=None)

    def _put(self, ask: LeaseAsk) -> Lease:
        now_us = self._env.now_us()
        fence = self._fences[ask.pool] = max(now_us, self._fences.get(ask.pool, 0) + 1)
        lease = self._leases[ask.lease_id] = Lease(
            lease_id=ask.lease_id,
            pool=ask.pool,
            fence=fence,
            granted_at_us=now_us,
            until_us=now_us + ask.ttl_us,
            ttl_us=ask.ttl_us,
            session=ask.session,
            owner=ask.owner,
        )
        return lease

    def _renewed(self, lease: Lease, ttl_us: int) -> Lease:
        until_us = self._env.now_us() + ttl_us
        done = msgspec.structs.replace(lease, until_us=until_us, ttl_us=ttl_us)
        self._leases[lease.lease_id] = done
        return done


list_ = list  # a method has that name, too


def _id(lease: Lease) -> UUID:
    return lease.lease_id


def _is_former(lease: Lease, ask: LeaseAsk) -> bool:
    if lease.session is None or ask.session is None:
        return False
    return (
        lease.session.session_id == ask.session.session_id and lease.session.term < ask.session.term
    )


def _until_first(leases: Sequence[Lease], now_us: int) -> float:
    return max(0, min((x.until_us for x in leases), default=now_us) - now_us) / 1_000_000
