"""Blobs: bytes kept under their sha256, in a folder or in any object store."""

import asyncio
import hashlib
from typing import NamedTuple, Protocol

BLOB_BYTES_MAX = 32 << 20
INLINE_BYTES_MAX = 256 << 10  # a fraction of a millisecond


class Spotted(NamedTuple):
    """A blob in a list. `at_us`: when it was put last, by the clock of its place."""

    sha256: bytes
    at_us: int


class Blobs(Protocol):
    """What is put stays as it is until it is deleted; all raise ArchiveUnavailable."""

    async def put(self, sha256: bytes, content: bytes) -> None:
        """Keep `content`; a second time is no change, and mends what was changed behind our back.
        On return it is there with its size. Raises InvalidInput if the hash is wrong."""
        ...

    async def get(self, sha256: bytes) -> bytes:
        """What was put, never anything else. Raises NotFound, Corrupt."""
        ...

    async def exists(self, sha256: bytes) -> bool: ...

    async def delete(self, sha256: bytes) -> None:
        """What is not there is no error."""
        ...

    async def page(self, group: int, *, after: bytes = b"") -> list[Spotted]:
        """The next of those whose sha256 begins with the byte `group`, in their order, from behind
        `after` on; none: there are no more."""
        ...

    async def is_of(self, owner: str) -> bool:
        """Whether they belong to `owner`: the first one who asked that."""
        ...

    async def check(self) -> None:
        """Raises ArchiveUnavailable if nothing can be read now; within CHECK_S."""
        ...


async def hash_of(content: bytes) -> bytes:
    """Its sha256; of much in a thread, so that the loop goes on."""
    if len(content) <= INLINE_BYTES_MAX:
        return hashlib.sha256(content).digest()
    return await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
