"""Which blobs are wanted: by whoever puts one, by files, and by entries that refer to it.

Theory of operation. A blob that nothing refers to is deleted a day after it was put. It may be put
again in that very moment. So who puts one notes that first, and who deletes one dooms it first,
both in a transaction: what was put lately is not doomed, and what is doomed is not put until it is
gone. Both notes are on disk before anything is done to the object.
"""

from collections.abc import Sequence

from unbroken.blobs import Blobs
from unbroken.errors import ArchiveUnavailable
from unbroken.store.transaction import Database, Transaction

DOOMED_MAX = 1_000  # of those that somebody left, at once


class StoredUses:
    """No blob that somebody puts or refers to is doomed, whatever happens at the same moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, sha256: bytes) -> None:
        row = await self._database.write(lambda tx: tx.one("begin_blob", name=sha256.hex()))
        if row is None:
            raise ArchiveUnavailable("this blob is just being deleted: send it again")

    async def doom(self, sha256s: Sequence[bytes], *, idle_s: float) -> list[bytes]:
        idle = [one for one in sha256s if not await self._is_referred(one)]
        idle_us = int(idle_s * 1_000_000)
        return await self._database.write(lambda tx: _doomed(tx, idle, idle_us)) if idle else []

    async def doomed(self, *, for_s: float) -> list[bytes]:
        for_us = int(for_s * 1_000_000)
        asked = {"limit": DOOMED_MAX}
        rows = await self._database.read(
            lambda tx: tx.all("list_doomed", before=tx.now_us - for_us, **asked)
        )
        return [bytes.fromhex(row["name"]) for row in rows]

    async def forget(self, deleted: Sequence[bytes], *, idle_s: float) -> None:
        idle_us = int(idle_s * 1_000_000)

        def work(tx: Transaction) -> None:
            for sha256 in deleted:
                tx.all("forget_blob", name=sha256.hex())
            tx.all("forget_old_blobs", before=tx.now_us - idle_us)

        await self._database.write(work)

    async def _is_referred(self, sha256: bytes) -> bool:
        return await self._database.read(lambda tx: is_referred(tx, sha256))


class UsedBlobs:
    """`Blobs` of which none goes while it is put."""

    def __init__(self, blobs: Blobs, uses: StoredUses) -> None:
        self._blobs, self._uses = blobs, uses
        self.get, self.exists, self.delete = blobs.get, blobs.exists, blobs.delete
        self.check, self.page, self.is_of = blobs.check, blobs.page, blobs.is_of

    async def put(self, sha256: bytes, content: bytes) -> None:
        await self._uses.begin(sha256)
        await self._blobs.put(sha256, content)


def is_referred(tx: Transaction, sha256: bytes) -> bool:
    return tx.one("is_referred", name=sha256.hex(), sha256=sha256) is not None


def _doomed(tx: Transaction, idle: Sequence[bytes], idle_us: int) -> list[bytes]:
    """Asked once more: an entry may have come meanwhile."""
    asked = {"before": tx.now_us - idle_us}
    return [
        one
        for one in idle
        if not is_referred(tx, one) and tx.one("doom_blob", name=one.hex(), **asked)
    ]
