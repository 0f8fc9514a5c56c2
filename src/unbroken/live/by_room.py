"""The live sessions of this process, by the room they are in.

A room may have several: one for each role of its call, and those of clients that only save. Who
names just the room means the call's first role; clients' own sessions come behind all of them.
"""

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

CLIENT = "backend"  # the role of a session of a process that saves turns and is no agent


class Open(Protocol):
    """What a live session shows of where it belongs."""

    @property
    def room(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def spool_folder(self) -> str: ...


T = TypeVar("T", bound=Open)
_Place = tuple[str, str]  # spool folder, role


class ByRoom(Generic[T]):
    """Holds none of them alive. Roles keep the order in which they were first opened."""

    def __init__(self) -> None:
        self._rooms: dict[str, WeakValueDictionary[_Place, T]] = {}

    def add(self, session: T) -> None:
        """A later one of the same role takes the place of the one before."""
        self._rooms.setdefault(session.room, WeakValueDictionary())[_place(session)] = session

    def discard(self, session: T) -> None:
        """It is closed. No change if another one has taken its place."""
        there = self._rooms.get(session.room)
        if there is not None and there.get(_place(session)) is session:
            del there[_place(session)]
        if there is not None and not there:
            del self._rooms[session.room]

    def get(
        self, room: str, *, role: str | None = None, spool_folder: str | None = None
    ) -> T | None:
        """The session of that role; the call's first one if none is named. With `spool_folder`
        only one that is kept there: another spool may ship to another service."""
        found = [
            session
            for session in self.all(room)
            if role in (None, session.role) and spool_folder in (None, session.spool_folder)
        ]
        return min(found, key=lambda session: session.role == CLIENT, default=None)

    def all(self, room: str) -> list[T]:
        """The sessions of that room, in the order of their roles."""
        return list(self._rooms.get(room, {}).values())

    def __iter__(self) -> Iterator[str]:
        """The rooms."""
        return iter([room for room, there in self._rooms.items() if there])


def _place(session: Any) -> _Place:
    return session.spool_folder, session.role
