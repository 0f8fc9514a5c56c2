"""What a value of shared state may be, and what changes it: pure functions over JSON as bytes.

Canonical bytes are JSON without spaces, in which an object has each name once.
"""

from typing import Any

import msgspec

from unbroken.errors import Conflict, InvalidInput, TooLarge
from unbroken.log.plain import DEPTH_MAX, is_deep

VALUE_BYTES_MAX = 256 << 10  # of its canonical bytes
EXACT_MAX = (1 << 53) - 1  # the largest whole number that is exact in the JSON of every language


def canonical(content: bytes) -> bytes:
    """JSON from outside as it is kept. Raises InvalidInput, TooLarge."""
    _check_depth(content)  # before it is read
    try:
        return encoded(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"a value is JSON: {error}") from error


def encoded(value: Any) -> bytes:
    """A value as it is kept. Raises InvalidInput for what JSON cannot say, TooLarge."""
    try:
        content = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"a value is what JSON can say: {error}") from error
    if len(content) > VALUE_BYTES_MAX:
        raise TooLarge(f"a value has at most {VALUE_BYTES_MAX} bytes")
    _check_depth(content)
    return content


def merged(content: bytes | None, patch: bytes) -> bytes:
    """`content` with a merge patch applied (RFC 7396): an object's members are merged, null takes
    one away, and anything else replaces what was there; None is nothing. Raises TooLarge."""
    before = None if content is None else msgspec.json.decode(content)
    return encoded(_merged(before, msgspec.json.decode(patch)))


def added(content: bytes | None, by: float) -> bytes:
    """The number `content`, or 0, and `by`. Raises Conflict if it is no number, or if the sum is
    none that JSON says exactly."""
    before = 0 if content is None else msgspec.json.decode(content)
    if isinstance(before, bool) or not isinstance(before, int | float):
        raise Conflict("the value is no number")
    total = before + by
    if not abs(total) <= EXACT_MAX:  # not a number is none, too
        raise Conflict(f"a number here is at most {EXACT_MAX}")
    return encoded(total)


def _merged(before: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found


def _check_depth(content: bytes) -> None:
    if is_deep(content):
        raise TooLarge(f"a value is nested at most {DEPTH_MAX} deep")
