"""What could not be put back: it stays in the log as it was, until the application changes it."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from unbroken.log.changes import same
from unbroken.log.entries import JSON
from unbroken.typed import Problem

NOTHING: Any = object()


class KeptPlace(msgspec.Struct, frozen=True):
    """At the path `at` the log has `saved`, and this process began with `began` there."""

    at: tuple[str, ...]
    saved: JSON
    began: JSON


class Kept:
    def __init__(self) -> None:
        self._saved: JSON = None
        self._places: list[KeptPlace] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    def keep(self, problems: Iterable[Problem], saved: JSON, now: JSON) -> None:
        """`now` is what this process has where `saved` could not be put back."""
        self._saved = saved
        paths = dict.fromkeys(_keys(problem.at) for problem in problems if not problem.is_live)
        self._places = [
            KeptPlace(at, _at(saved, at), _at(now, at))
            for at in paths
            if _at(saved, at) is not NOTHING and not any(at[:k] in paths for k in range(len(at)))
        ]

    def over(self, now: JSON) -> JSON:
        """`now` as the log is to have it."""
        self._places = [place for place in self._places if _is_as_it_began(now, place)]
        for place in self._places:
            now = _with(now, place.at, place.saved, self._saved)
        return now


def _keys(at: Iterable[str | int]) -> tuple[str, ...]:
    """As far as it leads through keys: a list is one thing."""
    found = []
    for part in at:
        if isinstance(part, int):
            break
        found.append(part)
    return tuple(found)


def _at(value: JSON, at: tuple[str, ...]) -> JSON:
    for key in at:
        if not isinstance(value, Mapping) or key not in value:
            return NOTHING
        value = value[key]
    return value


def _is_as_it_began(now: JSON, place: KeptPlace) -> bool:
    if not isinstance(_at(now, place.at[:-1]), dict) and place.at:
        return False
    there = _at(now, place.at)
    if there is NOTHING or place.began is NOTHING:
        return there is place.began
    return same(there, place.began)


def _with(now: JSON, at: tuple[str, ...], value: JSON, saved: JSON) -> JSON:
    """A copy with the value in its place. A record around it says the type that it had, as the
    value is not of its new one."""
    if not at:
        return value
    inner = _with(now.get(at[0], {}), at[1:], value, saved.get(at[0]))
    said = {"$type": saved["$type"]} if "$type" in now and "$type" in saved else {}
    return {**now, **said, at[0]: inner}
