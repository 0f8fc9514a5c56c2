"""Digests: two values are equal if theirs are."""

import hashlib

import msgspec

from unbroken.entries import JSON, plain

SIZE_BYTES = 12
_ENCODER = msgspec.json.Encoder(order="sorted")


def of(value: JSON) -> str:
    """The digest of what stands in the log for `value`."""
    return hashlib.blake2b(_canonical(value), digest_size=SIZE_BYTES).hexdigest()


def _canonical(value: JSON) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):  # what the log cannot say, either
        return _ENCODER.encode(plain(value))
