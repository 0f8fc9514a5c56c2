"""What a class is called in the log, and which class of this process that is."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice

SUBCLASSES_MAX = 1_000
_MAIN = ("__main__", "__mp_main__")  # a worker's file, and the same file in its job's process


def name_of(kind: type) -> str:
    """For people, and for `find`: module and class."""
    module = _MAIN[0] if kind.__module__ in _MAIN else kind.__module__
    return f"{module}.{kind.__qualname__}"


def find(name: str, near: Iterable[type]) -> type | None:
    """The class of that name: one of `near`, or a subclass of one, or one that this process has
    loaded. Else, as classes are renamed, the only one that is near."""
    known = list(dict.fromkeys(near))
    for kind in islice(_with_subclasses(known), SUBCLASSES_MAX):
        if name_of(kind) == name:
            return kind
    if loaded := _loaded(name):
        return loaded
    moved = [kind for kind in known if kind.__qualname__ == name.rpartition(".")[2]]
    return (moved or known)[0] if len(moved or known) == 1 else None


def _with_subclasses(kinds: Iterable[type]) -> Iterator[type]:
    for kind in kinds:
        yield kind
        yield from _with_subclasses(type.__subclasses__(kind))


def _loaded(name: str) -> type | None:
    """Nothing is imported: only modules that are there are looked into."""
    path = name.split(".")
    for at in range(len(path) - 1, 0, -1):
        module = ".".join(path[:at])
        for there in _MAIN if module in _MAIN else (module,):
            found = _member(sys.modules.get(there), path[at:])
            if isinstance(found, type) and name_of(found) == name:
                return found
    return None


def _member(found: object, path: Iterable[str]) -> object:
    for part in path:
        found = getattr(found, "__dict__", {}).get(part)
    return found
