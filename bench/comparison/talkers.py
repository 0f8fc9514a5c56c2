"""An agent that keeps what is said, in each of the ways: what it does when it has heard a question
and when it has its answer. Used where turns are measured, and where agents are killed."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx
from redis.exceptions import RedisError

from bench.calls import open_live, open_spool
from bench.comparison.names import NATIVE, NOTHING, REDIS
from bench.comparison.said import Puts, role, text
from bench.comparison.usual_native import HttpBackend, NativeAgent
from bench.comparison.usual_redis import RedisStateManager, message
from unbroken.live.live import Live

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where the servers are."""

    redis: str
    backend: str
    spool: str


class Talker(Protocol):
    async def heard(self, question: str) -> None:
        """The caller's words are known; the model is asked next."""

    async def answered(self, question: str, answer: str) -> None:
        """The model's words are known; they are spoken next."""


class Nothing:
    async def heard(self, question: str) -> None:
        """Nothing is kept."""

    async def answered(self, question: str, answer: str) -> None:
        """Nothing is kept."""


class OnRedis:
    """Waits for Redis twice and for the backend once, on the path of speech. What fails is logged,
    and the call goes on."""

    def __init__(self, room: str, manager: RedisStateManager, backend: HttpBackend) -> None:
        self._room, self._manager, self._backend = room, manager, backend

    async def heard(self, question: str) -> None:
        await self._add("user", question)

    async def answered(self, question: str, answer: str) -> None:
        await self._add("assistant", answer)
        try:
            await self._backend.save_conversation_turn(self._room, "caller", question, answer)
        except httpx.HTTPError as error:
            log.warning("the turn was not saved: %s", error)

    async def _add(self, who: str, content: str) -> None:
        try:
            await self._manager.add_message(self._room, who, content)
        except RedisError as error:
            log.warning("the message was not added: %s", error)


class Native:
    def __init__(self, agent: NativeAgent) -> None:
        self._agent = agent

    async def heard(self, question: str) -> None:
        self._agent.add_message("user", question)

    async def answered(self, question: str, answer: str) -> None:
        self._agent.add_message("assistant", answer)
        self._agent.save_turn(question, answer)


class Journaled:
    """Ours: memory and journal in one call that waits for nobody; a keeper ships the journal."""

    def __init__(self, live: Live, room: str) -> None:
        self.live = live
        self._puts = Puts(room)
        self._count = 0

    async def heard(self, question: str) -> None:
        self.add(question)

    async def answered(self, question: str, answer: str) -> None:
        _ = question
        self.add(answer)

    def add(self, said: str) -> None:
        self.live.record(self._puts.put(self._count, said))
        self._count += 1


@asynccontextmanager
async def talking(way: str, room: str, places: Places, *, turns: int = 0) -> AsyncIterator[Talker]:
    """An agent in a call that has so many turns behind it."""
    before = [text(f"before {room}", number) for number in range(2 * turns)]
    if way == NOTHING:
        yield Nothing()
    elif way == REDIS:
        async with RedisStateManager(places.redis) as manager, HttpBackend(places.backend) as http:
            known = [message(role(number), said) for number, said in enumerate(before)]
            await manager.create_conversation(room, "caller", known)
            yield OnRedis(room, manager, http)
    elif way == NATIVE:
        async with HttpBackend(places.backend) as http:
            agent = NativeAgent(room, http)
            for number, said in enumerate(before):
                agent.add_message(role(number), said)
            yield Native(agent)
    else:
        journaled = Journaled(open_live(open_spool(places.spool), room), room)
        for said in before:
            journaled.add(said)
        yield journaled
        await journaled.live.close("ended")
