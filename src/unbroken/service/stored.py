"""Stored bytes as an answer."""

import structlog

from unbroken.blobs import Blobs
from unbroken.errors import Corrupt, NotFound

log = structlog.get_logger()


async def content(blobs: Blobs, sha256: bytes, what: str) -> bytes:
    """The bytes of that hash. Raises NotFound that names `what`, also where other bytes are in
    their place: to whoever asks, they are gone."""
    try:
        return await blobs.get(sha256)
    except NotFound:
        raise NotFound(f"{what} is gone") from None
    except Corrupt as error:
        log.error("blob is corrupt", sha256=sha256.hex())  # noqa: TRY400 - no fault of the code
        raise NotFound(f"{what} is damaged, and not given out") from error
