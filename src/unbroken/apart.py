"""Large parts travel apart: a string too large for an entry becomes a reference to a blob.

`{"$blob": sha256, "bytes": n}` stands for a UTF-8 string. The bytes are in the spool until the
keeper has given them to the archive; the entry follows its blobs, never the other way round.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from unbroken.entries import JSON
from unbroken.spool import Spool

PART_BYTES_MAX = 32 << 10
BLOB_BYTES_MAX = 16 << 20
BLOB = "$blob"
_SHA256 = re.compile("[0-9a-f]{64}")


def put_apart(spool: Spool, holder: UUID, payload: bytes) -> bytes:
    """Canonical JSON with its large strings in the holder's blobs. Raises OSError."""
    keep = partial(spool.put_blob, holder)
    value = _replaced(keep, msgspec.json.decode(payload))
    return msgspec.json.encode(value, order="sorted")


def references(payload: bytes) -> list[str]:
    """The blobs that an entry refers to, as hexadecimal SHA-256."""
    try:
        return list(_found(msgspec.json.decode(payload)))
    except (msgspec.DecodeError, RecursionError):
        return []


def put_together(value: JSON, read: Callable[[str], bytes | None]) -> JSON:
    """`value` with each reference replaced by its string, as `read` gives it. One that is gone
    (None) costs no more than itself: words in its place say so."""
    if isinstance(value, dict):
        if reference := _reference(value):
            content = read(reference)
            return missing(value["bytes"]) if content is None else content.decode(errors="replace")
        return {key: put_together(part, read) for key, part in value.items()}
    if isinstance(value, list):
        return [put_together(part, read) for part in value]
    return value


def missing(size_bytes: JSON) -> str:
    """What stands for a part that nobody has any more."""
    return f"[{size_bytes} bytes that were here are missing]"


def _replaced(keep: Callable[[str, bytes], None], value: JSON) -> JSON:
    if isinstance(value, str) and len(value) > PART_BYTES_MAX:
        content = value.encode()
        if len(content) > BLOB_BYTES_MAX:
            return value  # beyond every bound: the keeper names the entry lost
        name = hashlib.sha256(content).hexdigest()
        keep(name, content)
        return {BLOB: name, "bytes": len(content)}
    if isinstance(value, dict):
        return {key: _replaced(keep, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_replaced(keep, part) for part in value]
    return value


def _found(value: JSON) -> Iterator[str]:
    parts: Any = ()
    if isinstance(value, dict):
        if reference := _reference(value):
            yield reference
        parts = value.values()
    elif isinstance(value, list):
        parts = value
    for part in parts:
        yield from _found(part)


def _reference(value: dict[str, JSON]) -> str | None:
    """Only a whole, well-formed reference is one: people may say anything, `$blob` too."""
    name = value.get(BLOB)
    if not isinstance(name, str) or value.keys() != {BLOB, "bytes"}:
        return None
    return name if _SHA256.fullmatch(name) else None
