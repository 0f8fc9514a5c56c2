"""One object in several places: where it stands is told, and it is put back as one.

A place is the name of what is read, and the path in it. A group is the places of one object, each
a list; the object that tells of a group calls itself "".
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from unbroken.log.changes import same
from unbroken.log.plain import JSON
from unbroken.typed.encode import (
    NOBODY,
    SETS,
    Encoder,
    Name,
    are_plain,
    base_of,
    has_no_parts,
    own_state,
)
from unbroken.typed.problems import Path, Problem, where
from unbroken.typed.records import record_of

GROUPS_MAX = 1_000  # that are told of; how many more there are is the last one
PLACES_MAX = 100  # of one object
NOWHERE = -1  # in a set: nobody can put anything into that place

Place = tuple[str | int, ...]
Group = tuple[Place, ...]


class Root(NamedTuple):
    """A part of what is read under that name."""

    name: str
    at: Path
    part: Any


class Shared:
    """Sees the parts of what is read that can be changed. Of objects that live as long as this."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._again: set[int] = set()

    def see(self, value: object) -> None:
        (self._again if id(value) in self._seen else self._seen).add(id(value))

    def groups(
        self, roots: Iterable[Root], name: Name, names: Mapping[int, str] = NOBODY
    ) -> list[Group]:
        """The places of each object that was seen more than once, the outermost ones only. What
        has a name is only referred to, as an encoder does."""
        if not self._again:
            return []
        walk = _Walk(self._again, name, names)
        for root in roots:
            walk.go(root.part, (root.name, *root.at))
        found = (tuple(sorted(places, key=_order)) for places in walk.places.values())
        return sorted((group for group in found if len(group) > 1), key=lambda g: _order(g[0]))


def told_by(name: str, groups: Iterable[Group]) -> list[JSON]:
    """Those groups that have a place in what is called so, as it tells of them itself."""
    own = [group for group in groups if any(place[0] == name for place in group)]
    told: list[JSON] = [
        [[*_from(name, place)] for place in group]
        for group in own[:GROUPS_MAX]
        if len(group) <= PLACES_MAX
    ]
    return [*told, len(own) - len(told)] if len(told) < len(own) else told


def groups_of(name: str, told: JSON) -> Iterator[Group]:
    """The opposite; of what is none, nothing."""
    for group in told if isinstance(told, list) else []:
        places = group if isinstance(group, list) else []
        if len(places) > 1 and all(_is_place(place) for place in places):
            yield tuple((place[0] or name, *place[1:]) for place in places)


def words(name: str, group: Group) -> str:
    """For people."""
    own = [where(place[1:]) or "itself" for place in group if place[0] == name]
    others = [
        f"{where(place[1:])} of {place[0]}" if place[1:] else str(place[0])
        for place in group
        if place[0] != name
    ]
    return " and ".join([*own, *others])


class SharedPart(NamedTuple):
    saved: JSON
    value: Any
    problems: tuple[Problem, ...]  # their paths begin at the value


class SharedParts:
    """The objects of groups, as one pass over all that was saved makes them. `named` gives what
    names tell of groups. `by_old` are those that were made in the place of other ones."""

    def __init__(self, named: Mapping[str, JSON] | None = None) -> None:
        self.by_old: dict[tuple[int, bytes], tuple[Any, Any]] = {}
        self._group: dict[Place, Place] = {}
        self._made: dict[Place, SharedPart] = {}
        for group in chain.from_iterable(groups_of(n, told) for n, told in (named or {}).items()):
            known = next((self._group[place] for place in group if place in self._group), group[0])
            self._group |= dict.fromkeys(group, known)

    def __bool__(self) -> bool:
        return bool(self._group)

    def of(self, place: Place, saved: JSON) -> SharedPart | None:
        """What stands in another place of the group, if it is what was saved in this one."""
        made = self._made.get(self._group.get(place, ()))
        return made if made and same(made.saved, saved) else None

    def keep(self, place: Place, made: SharedPart) -> None:
        if place in self._group:
            self._made[self._group[place]] = made


class _Walk:
    def __init__(self, again: set[int], name: Name, names: Mapping[int, str]) -> None:
        self.places: dict[int, list[Place]] = {}
        self._names = names
        self._again, self._name = again, name
        self._key: Callable[[Any], str] = Encoder(name).key
        self._within: set[int] = set()

    def go(self, value: Any, at: Place) -> None:
        """Ends where a value is one that was seen before, or stands in itself."""
        if has_no_parts(type(value)) or id(value) in self._within or id(value) in self._names:
            return
        if id(value) in self._again:
            known = self.places.setdefault(id(value), [])
            if len(known) <= PLACES_MAX:
                known.append(at)
            if len(known) > 1:
                return
        self._within.add(id(value))
        for inner, part in self._parts(value, type(value)):
            self.go(part, (*at, *inner))
        self._within.discard(id(value))

    def _parts(self, value: Any, kind: type) -> Iterator[tuple[Path, Any]]:
        """As an encoder writes them."""
        if kind is dict or kind in (list, tuple, deque) or kind in SETS:
            yield from self._held(value, kind)
        elif self._name(value) is not None:
            return
        elif record := record_of(kind):
            state = record.read(value)
            yield from (((name,), part) for name, part in state.fields.items())
            yield from ((("$more", self._key(n)), part) for n, part in state.more.items())
        elif base := base_of(kind):
            yield from ((("$of", *at), part) for at, part in self._held(value, base))
            yield from ((("$more", n), part) for n, part in own_state(value).items())

    def _held(self, value: Any, base: Any) -> Iterator[tuple[Path, Any]]:
        if issubclass(base, dict):
            members = dict.copy(value)
            if not are_plain(members.values()):
                yield from (((self._key(key),), part) for key, part in members.items())
        elif issubclass(base, list | tuple | deque | set | frozenset):
            parts = list(base.__iter__(value))
            in_order = base not in SETS
            if not are_plain(parts):
                yield from (((k if in_order else NOWHERE,), p) for k, p in enumerate(parts))


def _from(name: str, place: Place) -> Place:
    return ("", *place[1:]) if place[0] == name else place


def _order(place: Place) -> list[str]:
    return [f"{part:09}" if isinstance(part, int) else part for part in place]


def _is_place(place: Any) -> bool:
    is_list = isinstance(place, list) and bool(place) and isinstance(place[0], str)
    return is_list and all(type(part) in (str, int) for part in place)
