"""Blobs: bytes kept under their sha256, in a folder or in any object store."""

import asyncio
import hashlib
from typing import Protocol

BLOB_BYTES_MAX = 32 << 20
INLINE_BYTES_MAX = 256 << 10  # a fraction of a millisecond


class Blobs(Protocol):
    """What is put stays as it is until it is deleted; all raise ArchiveUnavailable."""

    async def put(self, sha256: bytes, content: bytes) -> None:
        """Keep `content`; a second time is no change. Raises InvalidInput if the hash is wrong."""
        ...

    async def get(self, sha256: bytes) -> bytes:
        """What was put, never anything else. Raises NotFound, Corrupt."""
        ...

    async def exists(self, sha256: bytes) -> bool: ...

    async def delete(self, sha256: bytes) -> None:
        """What is not there is no error."""
        ...


async def hash_of(content: bytes) -> bytes:
    """Its sha256; of much in a thread, so that the loop goes on."""
    if len(content) <= INLINE_BYTES_MAX:
        return hashlib.sha256(content).digest()
    return await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
