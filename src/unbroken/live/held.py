"""The locks that a session holds in this process, for the effects that they guard."""

from weakref import WeakKeyDictionary

from unbroken.coordination.holding import HeldLocks
from unbroken.coordination.lease import LockFence
from unbroken.errors import OldFence
from unbroken.live.live import Live

_held: WeakKeyDictionary[Live, HeldLocks] = WeakKeyDictionary()


def locks_of(live: Live) -> HeldLocks:
    """By name; who holds one puts it here, and takes it away."""
    return _held.setdefault(live, {})


async def confirm(live: Live, name: str) -> LockFence:
    """The fence of the lock that the session holds, which is the newest one. Raises OldFence."""
    if (lock := locks_of(live).get(name)) is None:
        raise OldFence(f"the lock {name} is not held here")
    return await lock.confirm()
