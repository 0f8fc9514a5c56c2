"""Whatever an application gives us, as JSON can say it."""

import base64
import math
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

JSON: TypeAlias = Any

DEPTH_MAX = 100  # deeper nesting is cut: decoders of other languages stop near 1,000
VALUES_MAX = 1 << 16  # each costs a microsecond or two, and a circle has no end
CUT = "…"
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")


def plain(value: object) -> JSON:
    """`value` as JSON can say it: the nearest, never an error, and no code of `value` is run but
    its `__str__`.

    - Numbers: whole ones beyond 64 bits become text, in hexadecimal where Python refuses the
      decimal digits (beyond 4,300); NaN and infinities become null.
    - Text: a lone surrogate becomes U+FFFD. Bytes become Base64.
    - Lists, tuples and sets become lists, a set in order where its members have one; keys become
      text, and of those that become the same the last counts.
    - What msgspec can say (dataclasses, structs, times, enums, UUIDs), as it says it. Any other
      object is its `str()`, and without one `<its type>`; a generator is not run.
    - What is nested deeper than DEPTH_MAX, in a circle too, and what comes behind VALUES_MAX
      values is cut: `…`.
    """
    return value if value is None or type(value) is bool else _Plain().of(value, 0)


def is_plain(value: object) -> bool:
    """Whether `plain` keeps all of it as it is."""
    return bool(plain(value) == value)


def is_deep(data: bytes, depth_max: int = DEPTH_MAX) -> bool:
    """Whether JSON is nested deeper than `depth_max` lists and objects."""
    if data.count(b"[") + data.count(b"{") < depth_max:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > depth_max:
            return True
    return False


class _Plain:
    def __init__(self) -> None:
        self._left = VALUES_MAX

    def of(self, value: Any, depth: int) -> JSON:  # noqa: PLR0911 - one for each kind of value
        self._left -= 1
        if depth > DEPTH_MAX or self._left < 0:
            return CUT
        kind = type(value)  # isinstance would ask the value itself
        if value is None or kind is bool:
            return value
        if issubclass(kind, int):
            return _whole(int.__index__(value))
        if issubclass(kind, float):
            return _finite(float.__float__(value))
        if issubclass(kind, str):
            return _text(str.__str__(value))
        if issubclass(kind, (bytes, bytearray)):
            return base64.b64encode(memoryview(value).tobytes()).decode()
        if issubclass(kind, dict):
            return self._members(dict.items(value), depth + 1)
        for sequence in (list, tuple, set, frozenset):
            if issubclass(kind, sequence):
                found = self._all(sequence.__iter__(value), depth + 1)
                return found if sequence in (list, tuple) else _ordered(found)
        return self._other(value, depth)

    def _members(self, items: Iterable[tuple[Any, Any]], depth: int) -> JSON:
        found = {}
        for key, value in items:
            found[_key(key)] = self.of(value, depth)
            if self._left < 0:
                break
        return found

    def _all(self, values: Iterable[Any], depth: int) -> list[JSON]:
        found = []
        for value in values:
            found.append(self.of(value, depth))
            if self._left < 0:
                break
        return found

    def _other(self, value: object, depth: int) -> JSON:
        try:
            told = msgspec.to_builtins(value)
        except Exception:  # noqa: BLE001 - whatever the object does
            return _said(value)
        return self.of(told, depth + 1)


def _whole(number: int) -> int | str:
    if number.bit_length() < 64:  # noqa: PLR2004 - what others can read as a number
        return number
    try:
        return str(number)
    except ValueError:
        return hex(number)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _text(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _key(key: object) -> str:
    return _text(str.__str__(key)) if issubclass(type(key), str) else _said(key)


def _said(value: object) -> str:
    try:
        return _text(str.__str__(str(value)))
    except Exception:  # noqa: BLE001 - its `__str__` may do anything
        return f"<{type(value).__name__}>"


def _ordered(found: list[JSON]) -> list[JSON]:
    try:
        return sorted(found)
    except TypeError:
        return found
