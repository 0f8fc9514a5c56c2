"""What others offer, by their real packages: sessions of the OpenAI Agents SDK, savers of
LangGraph."""

import importlib.machinery
import importlib.util
import site
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench.comparison.said import role

POOL_MAX = 10
CHUNK = 1_000  # messages in one call, while a history is put in place


def openai_agents() -> ModuleType:
    """The package of the OpenAI Agents SDK is named `agents`, as a folder of this checkout is: it
    is looked for where packages are installed. Nothing of this run imports that folder."""
    if (found := sys.modules.get("agents")) is not None:
        return found
    spec = importlib.machinery.PathFinder.find_spec("agents", site.getsitepackages())
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("openai-agents is not installed")
    module = sys.modules["agents"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class OpenAISession:
    def __init__(self, session: Any) -> None:
        self._session = session

    async def add(self, number: int, said: str) -> None:
        await self._session.add_items([{"role": role(number), "content": said}])

    async def fill(self, before: list[str]) -> "OpenAISession":
        items = [{"role": role(number), "content": said} for number, said in enumerate(before)]
        for first in range(0, len(items), CHUNK):
            await self._session.add_items(items[first : first + CHUNK])
        return self


class OpenAISessions:
    """One client and one file for all calls."""

    def __init__(self, redis: Any, path: Path) -> None:
        self._redis, self._path = redis, path
        self._sqlite = openai_agents().SQLiteSession
        self._on_redis = importlib.import_module("agents.extensions.memory").RedisSession

    async def on_redis(self, room: str, before: list[str]) -> OpenAISession:
        session = self._on_redis(room, redis_client=self._redis)
        return await OpenAISession(session).fill(before)

    async def on_sqlite(self, room: str, before: list[str]) -> OpenAISession:
        return await OpenAISession(self._sqlite(room, self._path)).fill(before)


class Thread:
    """A LangGraph thread whose state is its messages; `add` is one update of the state, which is
    one checkpoint: less than a run of a graph writes."""

    def __init__(self, graph: Any, room: str) -> None:
        self._graph = graph
        self._config = {"configurable": {"thread_id": room}}

    async def add(self, number: int, said: str) -> None:
        await self._update([_message(number, said)])

    async def fill(self, before: list[str]) -> "Thread":
        await self._update([_message(number, said) for number, said in enumerate(before)])
        return self

    async def _update(self, messages: list[AnyMessage]) -> None:
        await self._graph.aupdate_state(self._config, {"messages": messages}, as_node="talk")


class Threads:
    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        builder = StateGraph(MessagesState)
        builder.add_node("talk", _talk)
        builder.add_edge(START, "talk")
        self._graph = builder.compile(checkpointer=saver)

    async def __call__(self, room: str, before: list[str]) -> Thread:
        return await Thread(self._graph, room).fill(before)


@asynccontextmanager
async def threads(path: Path, database: str) -> AsyncIterator[tuple[Threads, Threads]]:
    """On SQLite and on PostgreSQL; the latter with a pool, as its documentation has it."""
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with (
        AsyncSqliteSaver.from_conn_string(str(path)) as sqlite,
        AsyncConnectionPool(database, max_size=POOL_MAX, kwargs=settings, open=False) as pool,
    ):
        postgres = AsyncPostgresSaver(pool)  # type: ignore[arg-type]
        await postgres.setup()
        yield Threads(sqlite), Threads(postgres)


def _talk(state: MessagesState) -> dict[str, list[AnyMessage]]:
    _ = state
    return {"messages": []}


def _message(number: int, said: str) -> AnyMessage:
    return AIMessage(said) if role(number) == "assistant" else HumanMessage(said)
