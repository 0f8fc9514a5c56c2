"""What is granted for a time: locks and slots.

A pool is what is asked for: a lock, of which there is one, or the slots of a limit. A lease is one
grant of it, until it is released or its time is over. Each grant has a fence, a number that grows
with every grant of its pool: what a lock guards refuses who comes with an older one.

A fence is the time of the grant in microseconds since 1970, and more than the one before it. So a
pool that nobody has used for long is forgotten, and its next fence is larger all the same, as long
as the service's clock is not set back behind that.
"""

from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from unbroken import names
from unbroken.errors import (
    Corrupt,
    InvalidInput,
    LimitReached,
    Locked,
    OldFence,
    UnbrokenError,
)

LOCK, SLOT = "lock", "slot"
KINDS = (LOCK, SLOT)

TTL_S_MIN, TTL_S_MAX = 1.0, 300.0  # what is not renewed blocks others for no longer
LIMIT_MAX = 10_000  # slots of a pool, and calls of a window
WITH_CALL_US = 100 * 365 * 86_400_000_000  # the time of what ends with its call, and not before
WAIT_S_MAX = 20.0  # of one request: proxies close what says nothing for a minute, most of them
FENCE_MAX = (1 << 53) - 1  # what the JSON of every language says exactly


class Pool(NamedTuple):
    """What is leased. A lock has no `key`."""

    kind: str
    name: str
    key: str = ""

    @property
    def text(self) -> str:
        """As it is stored: no name has a line break."""
        return f"{self.kind}\n{self.name}\n{self.key}"

    @classmethod
    def of(cls, text: str) -> "Pool":
        """Raises Corrupt."""
        parts = text.split("\n")
        if len(parts) != len(cls._fields):
            raise Corrupt("the pool of a lease is damaged")
        return cls(*parts)


class SessionTerm(NamedTuple):
    """Whose lease it is, and in which term it was asked for."""

    session_id: UUID
    term: int


class LeaseAsk(msgspec.Struct, frozen=True, kw_only=True):
    """`lease_id` is chosen by who asks: asked for again, it is the same lease. `limit`: how many
    of the pool there may be. `owner` says to people whose it is."""

    lease_id: UUID
    pool: Pool
    limit: int = 1
    ttl_us: int
    session: SessionTerm | None = None
    owner: str = ""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A grant, by the store's time."""

    lease_id: UUID
    pool: Pool
    fence: int
    granted_at_us: int
    until_us: int
    ttl_us: int
    session: SessionTerm | None = None
    owner: str = ""

    @property
    def has_time(self) -> bool:
        """Whether it ends by itself, and not with its call."""
        return self.ttl_us < WITH_CALL_US


class Refused(NamedTuple):
    """All of it are taken. `retry_s`: until the first of them may be free by itself."""

    retry_s: float


class LockFence(msgspec.Struct, frozen=True):
    """The grant of a lock, as it is shown to what the lock guards."""

    lock: str
    number: int


LeaseAnswer: TypeAlias = Lease | Refused


def check_pool(pool: Pool) -> Pool:
    """`pool`, as it is. Raises InvalidInput."""
    if pool.kind not in KINDS:
        raise InvalidInput(f"a lease is one of {', '.join(KINDS)}")
    names.check_new(f"the {pool.kind}", pool.name)
    if pool.key:
        names.check_new("the key", pool.key)
    return pool


def check_holder(text: str) -> str:
    """What is said of whose a lease is, as it is; it may be empty. Raises InvalidInput."""
    return names.check_new("the owner", text) if text else text


def check_fence(fence: LockFence, newest: int) -> None:
    """Raises OldFence if the lock was granted again since; `newest` 0: it is not known."""
    if not newest or fence.number < newest:
        raise OldFence(f"the lock {fence.lock} was granted to somebody else since")


def check_ttl(ttl_s: float) -> int:
    """In microseconds. Raises InvalidInput."""
    if not TTL_S_MIN <= ttl_s <= TTL_S_MAX:
        raise InvalidInput(f"a lease is for {TTL_S_MIN:g} to {TTL_S_MAX:g} s")
    return int(ttl_s * 1_000_000)


def check_limit(limit: int) -> int:
    """`limit`, as it is. Raises InvalidInput."""
    if not 1 <= limit <= LIMIT_MAX:
        raise InvalidInput(f"a limit is 1 to {LIMIT_MAX}")
    return limit


def refusal(pool: Pool, retry_s: float) -> UnbrokenError:
    """What is raised for one that was not granted."""
    if pool.kind == LOCK:
        return Locked(f"the lock {pool.name} is held", retry_s=retry_s)
    return LimitReached(f"no slot of {spoken(pool.name, pool.key)} is free", retry_s=retry_s)


def spoken(name: str, key: str) -> str:
    return f"{name} for {key}" if key else name
