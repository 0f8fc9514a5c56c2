"""What an agent is called in the log: by its class, and which instance of it."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from livekit.agents import Agent

T = TypeVar("T")
NTH = "#"  # stands in no class's name


def name_in(key: str) -> str:
    """The class's name."""
    return key.partition(NTH)[0]


class ByInstance(Generic[T]):
    """A value for each living object, also where its class has an equality of its own. Holds no
    object."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Any], T]] = {}

    def get(self, instance: object) -> T | None:
        found = self._values.get(id(instance))
        return found[1] if found and found[0]() is instance else None

    def put(self, instance: object, value: T) -> None:
        at, values = id(instance), self._values

        def forget(gone: weakref.ref[Any]) -> None:
            if at in values and values[at][0] is gone:  # its id may be another's by now
                del values[at]

        values[at] = (weakref.ref(instance, forget), value)

    def items(self) -> Iterator[tuple[Any, T]]:
        for ref, value in list(self._values.values()):
            if (instance := ref()) is not None:
                yield instance, value


class Keys(Mapping[Agent, str]):
    """The keys of the living agents of one session: the class's name, and from the second instance
    on its number in the session. No key is given twice, over all holders; `taken` are those of
    earlier ones."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._of: ByInstance[str] = ByInstance()
        self._newest: dict[str, int] = {}
        for key in taken:
            self._take(key)

    def of(self, agent: Agent) -> str:
        if (known := self._of.get(agent)) is not None:
            return known
        name = type(agent).__name__
        n = self._newest.get(name, 0) + 1
        key = f"{name}{NTH}{n}" if n > 1 else name
        self.name(agent, key)
        return key

    def name(self, agent: Agent, key: str) -> None:
        """`agent` has this key, as the one that it stands for had it before."""
        self._take(key)
        self._of.put(agent, key)

    def _take(self, key: str) -> None:
        name, _, n = key.partition(NTH)
        self._newest[name] = max(self._newest.get(name, 0), int(n) if n.isdecimal() else 1)

    def __getitem__(self, agent: Agent) -> str:
        key = self._of.get(agent)
        if key is None:
            raise KeyError(agent)
        return key

    def __iter__(self) -> Iterator[Agent]:
        return (agent for agent, _ in self._of.items())

    def __len__(self) -> int:
        return sum(1 for _ in self._of.items())
