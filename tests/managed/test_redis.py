"""Several processes share rooms in one Redis, which is slow, wiped, killed and gone."""

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest

from tests.redis_server import redis_server
from unbroken import ArchiveUnavailable, Conflict, NotFound, SettingsInvalid, StateManager
from unbroken.managed import redis_rooms


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(redis_rooms, "LOOK_S", 0.02)
    monkeypatch.setattr(redis_rooms, "MOST_PAUSE_S", 0.2)


@pytest.fixture
async def two(server):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(StateManager(redis=server.url)) for _ in range(2)]


async def said(state: StateManager, room: str = "r") -> list[str]:
    return [line["content"] for line in (await state.get_conversation(room))["messages"]]


async def until(is_so, *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not await is_so():
            await asyncio.sleep(0.02)


async def test_two_processes_see_the_same(two):
    one, other = two
    id_ = await one.create_conversation("r", "ann")
    assert await other.create_conversation("r", "bob") == id_
    await one.add_message("r", "user", "hello")
    await other.add_message("r", "assistant", "hello, Ann")
    await other.set_user_context("r", "name", "Ann")
    for state in two:
        assert await said(state) == ["hello", "hello, Ann"]
        assert await state.get_participants("r") == ["ann", "bob"]
        assert await state.get_user_context("r", "name") == "Ann"


async def test_the_environment_may_name_the_redis(server, monkeypatch):
    monkeypatch.setenv("UNBROKEN_REDIS", server.url)
    async with StateManager() as one, StateManager(redis=server.url) as other:
        id_ = await one.create_conversation("r", "ann")
        assert await other.create_conversation("r", "bob") == id_


async def test_one_that_did_not_open_it_writes_too(two):
    one, other = two
    with pytest.raises(NotFound):
        await other.add_message("r", "system", "too early")
    await one.create_conversation("r", "ann")
    await other.add_message("r", "system", "the kitchen closes at ten")
    assert await said(one) == ["the kitchen closes at ten"]


async def test_messages_of_two_at_once_are_all_there(two):
    for state in two:
        await state.create_conversation("r", "ann")
    work = [
        state.add_message("r", "user", f"{n} {i}") for i, state in enumerate(two) for n in range(50)
    ]
    await asyncio.gather(*work)
    for state in two:
        assert sorted(await said(state)) == sorted(f"{n} {i}" for i in (0, 1) for n in range(50))


async def test_an_end_counts_for_all(two):
    one, other = two
    for state in two:
        await state.create_conversation("r", "ann")
    await one.finalize_conversation("r")
    with pytest.raises(Conflict):
        await other.add_message("r", "user", "still there?")
    assert (await other.get_conversation("r"))["ended_at"]
    new = await one.create_conversation("r", "bob")
    assert await other.create_conversation("r", "cid") == new


async def test_who_was_let_in_leaves_with_the_process(server):
    async with StateManager(redis=server.url) as stays:
        async with StateManager(redis=server.url) as goes:
            await goes.create_conversation("r", "ann")
            await stays.create_conversation("r", "bob")
        assert await stays.get_participants("r") == ["bob"]


async def test_what_a_wiped_redis_forgot_is_put_back_by_each(server, two):
    for state, line in zip(two, ("one", "other"), strict=True):
        await state.create_conversation("r", line)
        await state.add_message("r", "user", line)
    await two[0].set_user_context("r", "name", "Ann")
    with server.client() as client:
        client.flushall()
    await two[1].add_message("r", "user", "behind it")

    async def is_whole():
        return [await said(state) for state in two] == [["one", "other", "behind it"]] * 2

    await until(is_whole)
    assert await two[1].get_user_context("r", "name") == "Ann"
    assert await two[1].get_participants("r") == ["one", "other"]


async def test_a_conversation_goes_on_while_redis_is_gone(tmp_path):
    with redis_server(tmp_path) as server:
        async with (
            StateManager(redis=server.url) as state,
            StateManager(redis=server.url) as stranger,
        ):
            await state.create_conversation("r", "ann")
            await state.add_message("r", "user", "before")
            server.kill()
            await state.add_message("r", "user", "meanwhile")
            await state.set_user_context("r", "name", "Ann")
            found = await state.get_conversation("r")
            assert not found["is_whole"]
            assert [m["content"] for m in found["messages"]] == ["before", "meanwhile"]
            with pytest.raises(ArchiveUnavailable):
                await stranger.get_conversation("r")
            server.start()
            await until(lambda: is_there(stranger, ["before", "meanwhile"]))
            assert await stranger.get_user_context("r", "name") == "Ann"


async def is_there(state: StateManager, lines: list[str]) -> bool:
    try:
        return await said(state) == lines
    except (NotFound, ArchiveUnavailable):
        return False


async def test_two_that_could_not_see_each_other_have_one_conversation_behind_it(tmp_path):
    with redis_server(tmp_path) as server:
        async with StateManager(redis=server.url) as one, StateManager(redis=server.url) as other:
            server.kill()
            for state, line in ((one, "one"), (other, "other")):
                await state.create_conversation("r", line)
                await state.add_message("r", "user", line)
            server.start()
            await until(lambda: is_there(one, ["one", "other"]))
            await until(lambda: is_there(other, ["one", "other"]))
            ids = {(await state.get_conversation("r"))["conversation_id"] for state in (one, other)}
            assert len(ids) == 1


async def test_a_frozen_redis_holds_nobody_for_long(tmp_path):
    with redis_server(tmp_path) as server:
        async with StateManager(redis=server.url) as state:
            await state.create_conversation("r", "ann")
            server.signal(signal.SIGSTOP)
            async with asyncio.timeout(30):  # three answers of half a second
                for n in range(100):
                    await state.add_message("r", "user", str(n))
            server.signal(signal.SIGCONT)

            async def is_whole():
                return (await state.get_conversation("r"))["is_whole"]

            await until(is_whole)
            assert await said(state) == [str(n) for n in range(100)]


@pytest.mark.parametrize("url", ["nonsense", "http://x", "redis://:secret@host:port"])
def test_a_bad_url_is_said_without_its_password(url):
    with pytest.raises(SettingsInvalid) as raised:
        StateManager(redis=url)
    assert "secret" not in str(raised.value)
