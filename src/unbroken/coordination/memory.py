"""Shared state in the memory of one process: for tests of applications, and for agents without a
service. It keeps the contract of the stores, and is gone with its process."""

from collections import deque
from collections.abc import Callable, Sequence

from unbroken.coordination import changes, values
from unbroken.coordination.changes import (
    NO_VERSION,
    StateChange,
    StateChanges,
    StatePage,
)
from unbroken.coordination.lease import LockFence, check_fence
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.scope import StateOwner
from unbroken.env import Env, Host
from unbroken.errors import NotFound, OtherVersion, TooLarge


class _OwnerState:
    """What is kept of one owner."""

    def __init__(self, first: int) -> None:
        self.values: dict[str, StateChange] = {}
        self.changes: deque[StateChange] = deque()
        self.revision = self.began = first - 1
        self.floor = first - 1
        self.bytes = self.kept_bytes = 0


class MemoryShared:
    """A `SharedState`. `leases` are those whose fences it knows."""

    def __init__(self, env: Env | None = None, leases: MemoryLeases | None = None) -> None:
        self._env, self._leases = env or Host(), leases
        self._owners: dict[StateOwner, _OwnerState] = {}

    async def get(self, owner: StateOwner, key: str) -> StateChange:
        return _found(owner, key, self._value(owner, key))

    async def list(
        self, owner: StateOwner, *, prefix: str = "", after: str = "", limit: int, bytes_max: int
    ) -> StatePage:
        kept = self._owners.get(owner)
        if kept is None:
            return StatePage([], NO_VERSION, None)
        asked = (k for k in sorted(kept.values) if k > after and k.startswith(prefix))
        found, is_last = _bounded([kept.values[key] for key in asked], limit, bytes_max)
        return StatePage(found, kept.revision, None if is_last else found[-1].key)

    async def changes(
        self, owner: StateOwner, *, after: int, limit: int, bytes_max: int
    ) -> StateChanges:
        kept = self._owners.get(owner)
        if kept is None:
            return StateChanges([], NO_VERSION, is_known=after == NO_VERSION)
        is_first = after == NO_VERSION and kept.floor == kept.began
        if not is_first and not kept.floor <= after <= kept.revision:
            return StateChanges([], kept.revision, is_known=False)
        found, _ = _bounded([c for c in kept.changes if c.version > after], limit, bytes_max)
        return StateChanges(found, kept.revision)

    async def revisions(self, owners: Sequence[StateOwner]) -> dict[StateOwner, int]:
        return {o: self._owners[o].revision for o in owners if o in self._owners}

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return self._change(owner, key, lambda _: content, if_version, fence)

    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return self._change(
            owner, key, lambda before: values.merged(_content(before), patch), if_version, fence
        )

    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None = None
    ) -> StateChange:
        return self._change(
            owner, key, lambda before: values.added(_content(before), by), fence=fence
        )

    async def delete(
        self,
        owner: StateOwner,
        key: str,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        def nothing(before: StateChange | None) -> None:
            _found(owner, key, before)

        return self._change(owner, key, nothing, if_version, fence)

    async def erase(self, owner: StateOwner) -> bool:
        return self._owners.pop(owner, None) is not None

    def _value(self, owner: StateOwner, key: str) -> StateChange | None:
        kept = self._owners.get(owner)
        return kept.values.get(key) if kept else None

    def _change(
        self,
        owner: StateOwner,
        key: str,
        then: Callable[[StateChange | None], bytes | None],
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        if fence is not None:
            check_fence(fence, self._leases.newest(fence.lock) if self._leases else 0)
        before = self._value(owner, key)
        version = before.version if before else NO_VERSION
        if if_version not in {None, version}:
            raise OtherVersion(f"the value has version {version}, not {if_version}")
        content = then(before)
        kept = self._owners.get(owner) or _OwnerState(self._env.now_us())
        done = StateChange(key, kept.revision + 1, content, self._env.now_us())
        _keep(owner, kept, before, done)
        self._owners[owner] = kept
        return done


def _keep(
    owner: StateOwner, kept: _OwnerState, before: StateChange | None, done: StateChange
) -> None:
    size = done.size_bytes if done.content is not None else 0
    growth = size - (before.size_bytes if before else 0)
    is_more = before is None and len(kept.values) >= changes.KEYS_MAX
    if is_more or (growth > 0 and kept.bytes + growth > changes.OWNER_BYTES_MAX):
        raise TooLarge(changes.beyond(owner.scope))
    if done.content is None:
        del kept.values[done.key]
    else:
        kept.values[done.key] = done
    kept.bytes += growth
    kept.revision = done.version
    kept.changes.append(done)
    kept.kept_bytes += done.size_bytes
    _trim(kept)


def _trim(kept: _OwnerState) -> None:
    """Forget the oldest changes, many at once, when they have become too many."""
    if len(kept.changes) <= changes.CHANGES_MAX and kept.kept_bytes <= changes.CHANGES_BYTES_MAX:
        return
    while len(kept.changes) > changes.CHANGES_MIN or kept.kept_bytes > changes.CHANGES_BYTES_MIN:
        oldest = kept.changes.popleft()
        kept.floor = oldest.version
        kept.kept_bytes -= oldest.size_bytes


def _bounded(
    found: list[StateChange], limit: int, bytes_max: int
) -> tuple[list[StateChange], bool]:
    size = 0
    for count, change in enumerate(found):
        if count >= limit or size >= bytes_max:
            return found[:count], False
        size += change.size_bytes
    return found, True


def _found(owner: StateOwner, key: str, value: StateChange | None) -> StateChange:
    if value is None:
        raise NotFound(f"the {owner.scope} has no {key}")
    return value


def _content(value: StateChange | None) -> bytes | None:
    return value.content if value else None
