"""Blobs: bytes kept under their sha256, in a folder or in any object store."""

import hashlib
from typing import Protocol

from unbroken.errors import InvalidInput

BLOB_BYTES_MAX = 32 << 20


class Blobs(Protocol):
    """What is put stays as it is until it is deleted; all raise ArchiveUnavailable."""

    async def put(self, sha256: bytes, content: bytes) -> None:
        """Keep `content`; a second time is no change. Raises InvalidInput if the hash is wrong."""
        ...

    async def get(self, sha256: bytes) -> bytes:
        """Raises NotFound."""
        ...

    async def exists(self, sha256: bytes) -> bool: ...

    async def delete(self, sha256: bytes) -> None:
        """What is not there is no error."""
        ...


def check(sha256: bytes, content: bytes) -> None:
    """Raise InvalidInput unless `content` is what `sha256` names."""
    if hashlib.sha256(content).digest() != sha256:
        raise InvalidInput("the content does not have this sha256")
