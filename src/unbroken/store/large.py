"""Large parts of what people read: put back where they are there, named where they are not."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from unbroken.blobs import Blobs
from unbroken.errors import ArchiveUnavailable, Corrupt, NotFound
from unbroken.log import large

SHOWN_BYTES_MAX = 4 << 20  # of one answer; what is larger is named, and read as a blob
NOT_SHOWN = b"[a large part, stored apart]"

Parts = Mapping[str, bytes | None]


async def fetch(blobs: Blobs, payloads: Iterable[bytes]) -> Parts:
    """What `payloads` refer to, by name; None: it is gone, damaged or not to be had now."""
    found: dict[str, bytes | None] = {}
    size = 0
    for name in dict.fromkeys(name for one in payloads for name in large.references(one)):
        found[name] = content = await _get(blobs, name) if size < SHOWN_BYTES_MAX else NOT_SHOWN
        size += len(content or b"")
    return found


def put_together(payload: bytes, parts: Parts) -> bytes:
    """As it was written; what is not in `parts` is named there. Never an error."""
    return _put_together(payload, parts.get)


def without_parts(payload: bytes) -> bytes:
    """For rows that are written before the parts have come."""
    return _put_together(payload, lambda _name: NOT_SHOWN)


def _put_together(payload: bytes, read: Callable[[str], bytes | None]) -> bytes:
    try:
        return msgspec.json.encode(large.put_together(msgspec.json.decode(payload), read))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return payload


async def _get(blobs: Blobs, name: str) -> bytes | None:
    try:
        return await blobs.get(bytes.fromhex(name))
    except (NotFound, ArchiveUnavailable, Corrupt):
        return None
