"""Digests: two values are equal if theirs are."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from unbroken.log.entries import JSON, Digested, Payload, Unknown, plain

SIZE_BYTES = 12
_NOTHING = bytes(SIZE_BYTES)  # the state of a place with nothing but what is left out
_ENCODER = msgspec.json.Encoder(order="sorted")


def of(value: JSON) -> str:
    """The digest of what stands in the log for `value`."""
    return hashlib.blake2b(_canonical(value), digest_size=SIZE_BYTES).hexdigest()


def _canonical(value: JSON) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):  # what the log cannot say, either
        return _ENCODER.encode(plain(value))


def only_newest(payloads: Sequence[Payload | Unknown]) -> list[Payload | Unknown]:
    """`payloads`, which lead to the same state: without the digests of fields that a later one of
    them has a digest of. To compare is most of what a fold costs."""
    newer = set[str]()
    found = list(payloads)
    for at in range(len(found) - 1, -1, -1):
        if isinstance(one := found[at], Digested):
            found[at] = Digested({f: d for f, d in one.digests.items() if f not in newer})
            newer |= one.digests.keys()
    return found


class Chain:
    """The digest of a list, place by place: what was not cut off is not read again."""

    def __init__(self) -> None:
        self._states = bytearray()  # SIZE_BYTES a place; a long call has many

    def cut(self, keep: int) -> None:
        """From place `keep` on the list is another."""
        del self._states[keep * SIZE_BYTES :]

    def of(self, values: Iterable[JSON], *, leaving_out: Callable[[JSON], bool]) -> str:
        """The digest of the list, whose places behind what is known are `values`."""
        last = bytes(self._states[-SIZE_BYTES:])
        if last == _NOTHING:
            last = b""
        for value in values:
            if not leaving_out(value):
                last = hashlib.blake2b(last + _canonical(value), digest_size=SIZE_BYTES).digest()
            self._states += last or _NOTHING
        return last.hex()

    def __len__(self) -> int:
        return len(self._states) // SIZE_BYTES
