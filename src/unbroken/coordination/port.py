"""What keeps the state that agents share: the store of a service, or the memory of a process."""

from collections.abc import Sequence
from typing import Protocol

from unbroken.coordination.changes import StateChange, StateChanges, StatePage
from unbroken.coordination.lease import LockFence
from unbroken.coordination.scope import StateOwner


class SharedState(Protocol):
    """The state that agents share. Values are canonical JSON (`unbroken.coordination.values`), and
    owners and keys such as may be (`unbroken.coordination.scope`).

    A change raises OtherVersion if the key has not `if_version` (0: if it is there), OldFence if
    the lock of `fence` was granted again since, or is not known any more, and TooLarge beyond a
    bound of its owner; it is kept whole, with its owner's next revision, or not at all.
    """

    async def get(self, owner: StateOwner, key: str) -> StateChange:
        """Raises NotFound, Corrupt."""

    async def list(
        self, owner: StateOwner, *, prefix: str = "", after: str = "", limit: int, bytes_max: int
    ) -> StatePage:
        """The values whose keys begin with `prefix`, from behind the key `after` on, at most
        `limit`; ends behind the one that reaches `bytes_max`."""

    async def changes(
        self, owner: StateOwner, *, after: int, limit: int, bytes_max: int
    ) -> StateChanges:
        """What came behind the revision `after`, 0: from the first one on; not all at once, as in
        `list`."""

    async def revisions(self, owners: Sequence[StateOwner]) -> dict[StateOwner, int]:
        """Of those that have a state."""

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        """The key has this value, whatever it had."""

    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        """Merge into the value, as `values.merged` says. Raises Corrupt."""

    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None = None
    ) -> StateChange:
        """Add to the number, as `values.added` says. Raises Conflict, Corrupt."""

    async def delete(
        self,
        owner: StateOwner,
        key: str,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        """Raises NotFound."""

    async def erase(self, owner: StateOwner) -> bool:
        """Nothing is left of it: no value, no change, not that there was one. False: there was
        none."""
