"""What holds the messages of one call, in each of the ways and with the others' packages: one
message is added, one value is read and written. Each at the settings that its documentation shows.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from bench.calls import open_live, until_stored
from bench.comparison.said import Puts, role
from bench.comparison.usual_native import NativeAgent
from bench.comparison.usual_redis import RedisHistory, RedisStateManager, message
from unbroken.journal.spool import Spool
from unbroken.log.changes import Change
from unbroken.log.entries import UserdataChanged

SHIPPED_S = 20


class Holder(Protocol):
    """Of one call."""

    async def add(self, number: int, said: str) -> None: ...


class Holding(Protocol):
    """A call, made with what was said before."""

    async def __call__(self, room: str, before: list[str]) -> Holder: ...


class OfState(Holder, Protocol):
    async def get(self, key: str) -> object: ...

    async def set(self, key: str, value: object) -> None: ...


class Document:
    """The usual StateManager on Redis."""

    def __init__(self, manager: RedisStateManager, room: str) -> None:
        self._manager, self._room = manager, room

    @classmethod
    async def made(cls, manager: RedisStateManager, room: str, before: list[str]) -> "Document":
        known = [message(role(number), said) for number, said in enumerate(before)]
        await manager.create_conversation(room, "caller", known)
        return cls(manager, room)

    async def add(self, number: int, said: str) -> None:
        await self._manager.add_message(self._room, role(number), said)

    async def get(self, key: str) -> object:
        return await self._manager.get_user_context(self._room, key)

    async def set(self, key: str, value: object) -> None:
        await self._manager.set_user_context(self._room, key, value)


class ShortList:
    """Its second shape: a list of the last hundred messages, and values in keys of their own."""

    def __init__(self, history: RedisHistory, room: str) -> None:
        self._history, self._room = history, room

    @classmethod
    async def made(cls, history: RedisHistory, room: str, before: list[str]) -> "ShortList":
        known = [message(role(number), said) for number, said in enumerate(before)]
        await history.append_message(room, *known)
        return cls(history, room)

    async def add(self, number: int, said: str) -> None:
        await self._history.append_message(self._room, message(role(number), said))

    async def get(self, key: str) -> object:
        return await self._history.get(f"{self._room}:{key}")

    async def set(self, key: str, value: object) -> None:
        await self._history.set(f"{self._room}:{key}", value)


class Memory:
    """The usual native state: nothing but memory."""

    def __init__(self, agent: NativeAgent) -> None:
        self._agent = agent

    @classmethod
    async def made(cls, room: str, before: list[str]) -> "Memory":
        agent = NativeAgent(room, None)
        for number, said in enumerate(before):
            agent.add_message(role(number), said)
        return cls(agent)

    async def add(self, number: int, said: str) -> None:
        self._agent.add_message(role(number), said)

    async def get(self, key: str) -> object:
        return self._agent.user_context.get(key)

    async def set(self, key: str, value: object) -> None:
        self._agent.user_context[key] = value


class Journal:
    """Ours: memory and journal, and a keeper ships it meanwhile."""

    def __init__(self, spool: Spool, room: str) -> None:
        self.live = open_live(spool, room)
        self._puts = Puts(room)
        self.live.record(UserdataChanged("dict", {}))

    async def add(self, number: int, said: str) -> None:
        self.live.record(self._puts.put(number, said))

    async def get(self, key: str) -> object:
        return self.live.session.userdata.get(key)

    async def set(self, key: str, value: Any) -> None:
        self.live.record(UserdataChanged("dict", changes=(Change((key,), value),)))


class Journals:
    """Those of one spool; `close` ends their calls."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._made: list[Journal] = []

    async def made(self, room: str, before: list[str]) -> Journal:
        """The keeper has shipped what was before, or still does: that only slows ours down."""
        journal = Journal(self._spool, room)
        self._made.append(journal)
        for number, said in enumerate(before):
            await journal.add(number, said)
        with suppress(TimeoutError):
            await until_stored(journal.live, SHIPPED_S)
        return journal

    async def close(self) -> None:
        for journal in self._made:
            await journal.live.close("ended")


@asynccontextmanager
async def managing(url: str) -> AsyncIterator[tuple[RedisStateManager, RedisHistory]]:
    async with RedisStateManager(url) as manager, RedisHistory(url) as history:
        yield manager, history
