"""Shared state: the values of an owner, each change with its revision, and the last changes.

A change is one transaction: it reads the value, makes the next one of it, moves the owner's
revision on, and keeps the value and the change. So of many who change one owner at once nobody's
change is lost, and what a watcher reads has no gap.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from unbroken.coordination import changes, values
from unbroken.coordination.changes import (
    NO_VERSION,
    StateChange,
    StateChanges,
    StatePage,
    size_bytes,
)
from unbroken.coordination.lease import LOCK, LockFence, Pool, check_fence
from unbroken.coordination.scope import StateOwner
from unbroken.errors import Corrupt, NotFound, OtherVersion, TooLarge
from unbroken.store.transaction import Database, Row, Transaction

Next: TypeAlias = Callable[[Row | None], bytes | None]  # what comes after what is there


class StoredState:
    """A change is made whole, with its revision, or not at all; nobody else's is lost by it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, owner: StateOwner, key: str) -> StateChange:
        row = await self._database.read(lambda tx: _value(tx, owner, key))
        return _whole(_found(owner, key, row))

    async def list(
        self, owner: StateOwner, *, prefix: str = "", after: str = "", limit: int, bytes_max: int
    ) -> StatePage:
        keys = {"prefix": prefix, "after": after}
        return await self._database.read(lambda tx: _page(tx, owner, limit, bytes_max, **keys))

    async def changes(
        self, owner: StateOwner, *, after: int, limit: int, bytes_max: int
    ) -> StateChanges:
        return await self._database.read(lambda tx: _changes(tx, owner, after, limit, bytes_max))

    async def revisions(self, owners: Sequence[StateOwner]) -> dict[StateOwner, int]:
        asked = [f"{owner.scope}/{owner.id}" for owner in owners]
        rows = await self._database.read(lambda tx: tx.all("list_state_revisions", owners=asked))
        return {StateOwner(*row["owner"].split("/", 1)): row["revision"] for row in rows}

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._change(owner, key, lambda _: content, if_version, fence)

    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._change(
            owner, key, lambda row: values.merged(_content(row), patch), if_version, fence
        )

    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None = None
    ) -> StateChange:
        return await self._change(
            owner, key, lambda row: values.added(_content(row), by), fence=fence
        )

    async def delete(
        self,
        owner: StateOwner,
        key: str,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        def nothing(row: Row | None) -> None:
            _found(owner, key, row)

        return await self._change(owner, key, nothing, if_version, fence)

    async def erase(self, owner: StateOwner) -> bool:
        row = await self._database.write(lambda tx: tx.one("erase_state", **_names(owner)))
        return row is not None

    async def _change(
        self,
        owner: StateOwner,
        key: str,
        then: Next,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        def work(tx: Transaction) -> StateChange:
            _check_fence(tx, fence)
            row = _value(tx, owner, key)
            _check_version(row, if_version)
            return _changed(tx, owner, key, row, then(row))

        return await self._database.write(work)


def _changed(
    tx: Transaction, owner: StateOwner, key: str, before: Row | None, content: bytes | None
) -> StateChange:
    """The key has `content` in place of what was `before`, and the owner a further revision."""
    names = _names(owner)
    head = _advanced(tx, owner, _growth(key, before, content), size_bytes(key, content))
    row = {"key": key, "content": content, "version": head["revision"]}
    guard = {"before": before["version"] if before else NO_VERSION}
    if content is None:
        tx.one("delete_state", **names, key=key, **guard)
    elif tx.one("put_state", **names, **row, **guard) is None:
        raise OtherVersion("the value was changed meanwhile")
    tx.one("put_state_change", **names, **row)
    _trim(tx, owner, head)
    return StateChange(key, head["revision"], content, tx.now_us)


def _growth(key: str, before: Row | None, content: bytes | None) -> dict[str, int]:
    """What the owner has more from now on."""
    was = size_bytes(key, before["content"]) if before else 0
    size = size_bytes(key, content) if content is not None else 0
    return {"keys": (content is not None) - (before is not None), "bytes": size - was}


def _advanced(tx: Transaction, owner: StateOwner, growth: dict[str, int], kept: int) -> Row:
    bounds = {"keys_max": changes.KEYS_MAX, "bytes_max": changes.OWNER_BYTES_MAX}
    head = tx.one("advance_state", **_names(owner), **growth, **bounds, kept=kept)
    if head is None:
        raise TooLarge(changes.beyond(owner.scope))
    return head


def _trim(tx: Transaction, owner: StateOwner, head: Row) -> None:
    """Forget the oldest changes, many at once, when they have become too many."""
    count, size = head["revision"] - head["floor"], head["kept_bytes"]
    if count <= changes.CHANGES_MAX and size <= changes.CHANGES_BYTES_MAX:
        return
    floor = head["floor"]
    for row in tx.each("list_state_sizes", **_names(owner)):
        if count <= changes.CHANGES_MIN and size <= changes.CHANGES_BYTES_MIN:
            break
        count, floor = count - 1, row["version"]
        size -= len(row["key"].encode()) + (row["size"] or 0)
    tx.all("forget_state_changes", **_names(owner), floor=floor, kept=size)


def _page(
    tx: Transaction, owner: StateOwner, limit: int, bytes_max: int, *, prefix: str, after: str
) -> StatePage:
    revision = _revision(tx, owner)
    rows = tx.each("list_state", **_names(owner), prefix=prefix, after=after)
    found, is_last = _bounded(rows, limit, bytes_max, lambda row: row["key"].startswith(prefix))
    return StatePage(found, revision, None if is_last else found[-1].key)


def _changes(
    tx: Transaction, owner: StateOwner, after: int, limit: int, bytes_max: int
) -> StateChanges:
    head = tx.one("get_state_owner", **_names(owner))
    if head is None:
        return StateChanges([], NO_VERSION, is_known=after == NO_VERSION)
    is_first = after == NO_VERSION and head["floor"] < head["began"]  # and nothing is forgotten
    if not is_first and not head["floor"] <= after <= head["revision"]:
        return StateChanges([], head["revision"], is_known=False)
    rows = tx.each("list_state_changes", **_names(owner), after=after)
    found, _ = _bounded(rows, limit, bytes_max)
    return StateChanges(found, head["revision"])


def _bounded(
    rows: Iterable[Row],
    limit: int,
    bytes_max: int,
    belongs: Callable[[Row], bool] = lambda _: True,
) -> tuple[list[StateChange], bool]:
    """The first ones that belong, and whether these are all; ends behind the one that reaches
    `bytes_max`."""
    found: list[StateChange] = []
    size = 0
    for row in rows:
        if not belongs(row):
            break
        if len(found) >= limit or size >= bytes_max:
            return found, False
        found.append(_said(row))
        size += found[-1].size_bytes
    return found, True


def _check_version(row: Row | None, if_version: int | None) -> None:
    version = row["version"] if row else NO_VERSION
    if if_version is not None and if_version != version:
        raise OtherVersion(f"the value has version {version}, not {if_version}")


def _check_fence(tx: Transaction, fence: LockFence | None) -> None:
    if fence is not None:
        newest = tx.one("get_fence", pool=Pool(LOCK, fence.lock).text)
        check_fence(fence, newest["fence"] if newest else 0)


def _value(tx: Transaction, owner: StateOwner, key: str) -> Row | None:
    return tx.one("get_state", **_names(owner), key=key)


def _found(owner: StateOwner, key: str, row: Row | None) -> Row:
    if row is None:
        raise NotFound(f"the {owner.scope} has no {key}")
    return row


def _content(row: Row | None) -> bytes | None:
    return None if row is None else _whole(row).content


def _revision(tx: Transaction, owner: StateOwner) -> int:
    head = tx.one("get_state_owner", **_names(owner))
    return head["revision"] if head else NO_VERSION


def _whole(row: Row) -> StateChange:
    if not row["is_whole"]:
        raise Corrupt(f"what was kept under {row['key']} is damaged")
    return _said(row)


def _said(row: Row) -> StateChange:
    is_whole = bool(row["is_whole"])
    content = row["content"] if is_whole else None
    return StateChange(row["key"], row["version"], content, row["at"], is_whole)


def _names(owner: StateOwner) -> dict[str, Any]:
    return {"scope": owner.scope, "owner": owner.id}
