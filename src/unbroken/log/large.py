"""Large parts travel apart: a string too large for an entry becomes a reference to a blob.

`{"$blob": sha256, "bytes": n}` stands for a UTF-8 string. The bytes are in the spool until the
keeper has given them to the archive. An entry waits for its blobs, but not long (`keeper.blobs`);
it is acknowledged only with them.

What people say is data, whatever it looks like: where parts were put apart (an entry flagged
BLOBS) a key of theirs that reads `$blob` is written `$$blob`, one of `$$blob` `$$$blob`, and so
on, and put together it is as it was. In an entry without the flag nothing is a reference.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from unbroken.errors import TooLarge
from unbroken.log.entries import JSON, PAYLOAD_BYTES_MAX, Payload, encode

PART_BYTES_MAX = 32 << 10
BLOB_BYTES_MAX = 16 << 20
RECORD_BYTES_MAX = BLOB_BYTES_MAX + PAYLOAD_BYTES_MAX  # of one entry, before parts are put apart
BLOB = "$blob"
_SHA256 = re.compile("[0-9a-f]{64}")
_USERS = re.compile(r"\$+blob")
_TOO_MANY = f"small parts of more than {PAYLOAD_BYTES_MAX} bytes"


def divide(payload: bytes) -> tuple[bytes, dict[str, bytes]]:
    """What stays in the entry, and by name what is put apart.

    Raises TooLarge beyond RECORD_BYTES_MAX, and if more than PAYLOAD_BYTES_MAX is left.
    """
    if len(payload) > RECORD_BYTES_MAX:
        raise TooLarge(f"an entry of {len(payload)} bytes: {RECORD_BYTES_MAX} are the most")
    if len(payload) > PAYLOAD_BYTES_MAX and _longest(payload) <= PART_BYTES_MAX:
        raise TooLarge(_TOO_MANY)  # there is nothing to put apart: no need to look closer
    parts = _Parts()
    left = parts.replaced(msgspec.json.decode(payload))
    if parts.contents:
        payload = msgspec.json.encode(left, order="sorted")
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TooLarge(_TOO_MANY)
    return payload, parts.contents


def refusal_of(payload: Payload) -> str | None:
    """Why no entry can hold that; None if one can."""
    data, _ = encode(payload)
    try:
        if len(data) > PART_BYTES_MAX:
            divide(data)
    except TooLarge as error:
        return str(error)
    return None


def references(payload: bytes) -> list[str]:
    """The blobs that an entry flagged BLOBS refers to, as hexadecimal SHA-256."""
    try:
        return list(_found(msgspec.json.decode(payload)))
    except (msgspec.DecodeError, RecursionError):
        return []


def put_together(value: JSON, read: Callable[[str], bytes | None]) -> JSON:
    """`value`, of an entry flagged BLOBS, with each reference replaced by its string, as `read`
    gives it. One that is gone (None) costs no more than itself: words in its place say so."""
    if isinstance(value, dict):
        if reference := _reference(value):
            content = read(reference)
            return missing(value["bytes"]) if content is None else content.decode(errors="replace")
        return {_theirs(key): put_together(part, read) for key, part in value.items()}
    if isinstance(value, list):
        return [put_together(part, read) for part in value]
    return value


def missing(size_bytes: JSON) -> str:
    """What stands for a part that nobody has any more."""
    return f"[{size_bytes} bytes that were here are missing]"


class _Parts:
    """Takes the large strings out of a payload, and gives up where too much is left."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._left = PAYLOAD_BYTES_MAX

    def replaced(self, value: JSON) -> JSON:
        self._count(value)
        if isinstance(value, str) and len(value) * 4 > PART_BYTES_MAX:
            content = value.encode()
            return value if len(content) <= PART_BYTES_MAX else self._referred(content)
        if isinstance(value, dict):
            return {_escaped(key): self.replaced(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.replaced(part) for part in value]
        return value

    def _count(self, value: JSON) -> None:
        """The least that it takes in the entry; a large string is not in it."""
        size = len(value) if isinstance(value, str) else 0
        self._left -= 1 + (size if size <= PART_BYTES_MAX else 0)
        if self._left < 0:
            raise TooLarge(_TOO_MANY)

    def _referred(self, content: bytes) -> JSON:
        if len(content) > BLOB_BYTES_MAX:
            raise TooLarge(f"a part of {len(content)} bytes: {BLOB_BYTES_MAX} are the most")
        name = hashlib.sha256(content).hexdigest()
        self.contents[name] = content
        return {BLOB: name, "bytes": len(content)}


def _longest(payload: bytes) -> int:
    """No string of it is longer."""
    return max(map(len, payload.replace(b'\\"', b"''").split(b'"')))


def _escaped(key: str) -> str:
    return f"${key}" if _USERS.fullmatch(key) else key


def _theirs(key: str) -> str:
    return key[1:] if key != BLOB and _USERS.fullmatch(key) else key


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
    """Only a whole, well-formed reference is one."""
    name = value.get(BLOB)
    if not isinstance(name, str) or value.keys() != {BLOB, "bytes"}:
        return None
    return name if _SHA256.fullmatch(name) else None
