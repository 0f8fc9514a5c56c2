"""Digests: two values are equal if theirs are."""

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from unbroken.log.entries import JSON, plain

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


class Chain:
    """The digest of a list, place by place: what was not cut off is not read again."""

    def __init__(self) -> None:
        self._states: list[bytes] = []

    def cut(self, keep: int) -> None:
        """From place `keep` on the list is another."""
        del self._states[keep:]

    def of(self, values: Iterable[JSON], *, leaving_out: Callable[[JSON], bool]) -> str:
        """The digest of the list, whose places behind what is known are `values`."""
        last = self._states[-1] if self._states else b""
        for value in values:
            if not leaving_out(value):
                last = hashlib.blake2b(last + _canonical(value), digest_size=SIZE_BYTES).digest()
            self._states.append(last)
        return last.hex()

    def __len__(self) -> int:
        return len(self._states)
