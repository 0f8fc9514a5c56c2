"""A watch over as many connections as it takes: nothing is missed, and nothing told twice.

Each connection goes on behind the last change that came whole. Values of a snapshot are held back
until all of them are there, so a connection that breaks in the middle of one leaves no trace.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, TypeAlias

from unbroken.coordination.changes import StateChange
from unbroken.coordination.feeds import CHANGE, SNAPSHOT, SYNCED, VALUE, StateEvent
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable
from unbroken.pause import Pause

FIRST_S, MOST_S = 0.1, 5.0  # between two tries to open a connection

Events: TypeAlias = AsyncIterator[StateEvent]
# A connection that goes on behind a revision; None: with all values. Raises ArchiveUnavailable
# while it cannot be had, or when it breaks.
Connect: TypeAlias = Callable[[int | None], AbstractAsyncContextManager[Events]]


class StateSnapshot(NamedTuple):
    """All values, as they were at `revision`: what was known before counts no more."""

    revision: int
    changes: list[StateChange]

    @property
    def values(self) -> dict[str, object]:
        """By key. Raises Corrupt if one of them is damaged."""
        return {change.key: change.value for change in self.changes}


class StateSynced(NamedTuple):
    """All is known that there was when the connection was opened."""

    revision: int


class StateOpened(NamedTuple):
    """A connection is open."""


Told: TypeAlias = StateSnapshot | StateChange | StateSynced | StateOpened


async def follow(
    connect: Connect, env: Env, *, since: int | None = None
) -> AsyncGenerator[Told, None]:
    """What comes behind `since`, None: a snapshot first. Does not end by itself; raises what is
    no outage."""
    position, pause = since, Pause(env, first_s=FIRST_S, most_s=MOST_S)
    while True:
        try:
            async with connect(position) as events:
                yield StateOpened()
                async for told in _whole(events):
                    pause.clear()
                    position = position_of(told)
                    yield told
        except ArchiveUnavailable:
            pass
        pause.fail()
        await asyncio.sleep(pause.left_s(env.boot_us()))


def position_of(told: StateSnapshot | StateChange | StateSynced) -> int:
    """What is known completely behind it."""
    return told.version if isinstance(told, StateChange) else told.revision


async def _whole(events: Events) -> AsyncIterator[StateSnapshot | StateChange | StateSynced]:
    """What is told, a snapshot when it is whole."""
    snapshot: StateSnapshot | None = None
    async for name, revision, change in events:
        if name == SNAPSHOT:
            snapshot = StateSnapshot(revision, [])
        elif name == VALUE and snapshot is not None and change is not None:
            snapshot.changes.append(change)
        else:
            if snapshot is not None:
                yield snapshot
                snapshot = None
            if name == CHANGE and change is not None:
                yield change
            elif name == SYNCED:
                yield StateSynced(revision)
