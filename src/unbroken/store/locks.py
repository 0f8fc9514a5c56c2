"""Locks: what only one may do at a time, of all processes over one store."""

from uuid import UUID

from unbroken.store.transaction import Database


class StoredLocks:
    """Each name has one holder at a time, and nobody waits for one whose hold is over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(self, name: str, holder: UUID, *, hold_s: float) -> bool:
        asked = {"name": name, "holder": holder, "hold": int(hold_s * 1_000_000)}
        row = await self._database.write(lambda tx: tx.one("acquire_lock", **asked))
        return row is not None

    async def release(self, name: str, holder: UUID) -> None:
        held = {"name": name, "holder": holder}
        await self._database.write(lambda tx: tx.one("release_lock", **held))
