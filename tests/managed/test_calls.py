"""A room whose call runs in one of the processes that share it: its log is the truth."""

import asyncio
import sys
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.core.conftest import new_header
from tests.core.told import Told
from tests.redis_server import RedisServer
from unbroken import StateManager
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.session import Session
from unbroken.managed import redis_rooms
from unbroken.managed.redis_view import RedisView


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(redis_rooms, "LOOK_S", 0.02)


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool.open(Told(tmp_path / "spool"), str(tmp_path / "spool"))


@pytest.fixture
async def call(spool) -> AsyncIterator[Live]:
    live = Live.open(spool, new_header(spool.env, spool, room="r"))
    yield live
    await live.close("left")


OTHER = """
import asyncio, sys
from unbroken import StateManager

async def add(url, *lines):
    async with StateManager(redis=url) as state:
        for line in lines:
            await state.add_message("r", "system", line, {"from": "kitchen"})

asyncio.run(add(*sys.argv[1:]))
"""


async def add_elsewhere(server: RedisServer, *lines: str) -> None:
    """In a process of its own, in which no call runs."""
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", OTHER, server.url, *lines)
    assert await other.wait() == 0


def lines(session: Session) -> list[str]:
    return [item["content"][0] for item in session.history]


async def said(state: StateManager) -> list[str]:
    return [line["content"] for line in (await state.get_conversation("r"))["messages"]]


async def until(is_so, *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_a_message_is_in_the_log_before_it_is_shared(call, server):
    async with StateManager(redis=server.url) as state:
        assert await state.create_conversation("r", "ann") == str(
            call.journal.header.new_conversation_id
        )
        await state.add_message("r", "user", "a table", {"seats": 4})
    assert lines(call.session) == ["a table"]
    assert call.session.history[0]["extra"] == {"seats": 4}


async def test_what_another_process_adds_is_in_the_log_once(call, server):
    async with StateManager(redis=server.url) as state:
        await state.create_conversation("r", "ann")
        await state.add_message("r", "user", "what is there today?")
        await add_elsewhere(server, "there is soup", "there is no fish")
        wanted = ["what is there today?", "there is soup", "there is no fish"]
        await until(lambda: lines(call.session) == wanted)
        await asyncio.sleep(0.2)  # ten more looks
        assert lines(call.session) == await said(state) == wanted
        assert call.session.history[1]["extra"]["from"] == "kitchen"


async def test_a_successor_takes_what_waited_and_nothing_twice(call, spool, server, monkeypatch):
    async with StateManager(redis=server.url) as state:
        await state.create_conversation("r", "ann")
        with monkeypatch.context() as dying:
            dying.setattr(RedisView, "took", never)
            await add_elsewhere(server, "in the log, and not taken away")
            await until(lambda: lines(call.session))
    await call.close("crashed")
    header = msgspec.structs.replace(call.journal.header, holder=spool.env.new_id())
    after = Live.open(spool, header, call.session)
    async with StateManager(redis=server.url) as state:
        await state.create_conversation("r", "ann")
        await add_elsewhere(server, "behind the death")
        wanted = ["in the log, and not taken away", "behind the death"]
        await until(lambda: lines(after.session) == wanted)
    await after.close("left")


async def never(*_: object) -> None:
    raise ConnectionError("killed at this point")


async def test_a_room_used_again_continues_no_stranger(call, spool, server):
    async with StateManager(redis=server.url) as state:
        first = await state.create_conversation("r", "ann")
        await state.add_message("r", "user", "my PIN is 1234")
        await call.close("left")
        after = Live.open(spool, new_header(spool.env, spool, room="r"))
        assert await state.create_conversation("r", "bob") != first
        assert (await said(state), await state.get_participants("r")) == ([], ["bob"])
        await after.close("left")
