"""Conversations that a StateManager on Redis has, into a service that runs: all, once, compared."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from uuid import UUID

import httpx
import pytest

from bench.comparison.usual_redis import RedisHistory, RedisStateManager, message
from tests.cli.conftest import ROOT, said
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, Conflict, SettingsInvalid, UnbrokenError
from unbroken.moving import at_service
from unbroken.moving.answers import EntryAnswer, ImportLog
from unbroken.moving.at_service import NOTE, AtService
from unbroken.moving.importing import ImportTotal, import_all
from unbroken.moving.usual import read_history, time_us
from unbroken.moving.usual_redis import KEY_BYTES_MAX, UsualRedis


async def imported(redis, service) -> tuple[ImportTotal, list[str]]:
    total, problems = ImportTotal(), []
    async with UsualRedis(redis.url) as usual, AtService(service, None, Host()) as there:
        async for one in import_all(usual, there, await usual.keys()):
            total.add(one)
            problems += one.problems()
    return total, problems


async def asked(service, path) -> dict:
    async with httpx.AsyncClient(base_url=f"{service}/api/v1", trust_env=False) as client:
        return (await client.get(path)).raise_for_status().json()


async def lines(service, conversation_id) -> list[tuple[str, str]]:
    found = await asked(service, f"/conversations/{conversation_id}/messages?items=all&limit=1000")
    return [(line["role"], line["content"]) for line in found["messages"]]


async def conversations(service) -> list[dict]:
    return (await asked(service, "/conversations"))["conversations"]


async def talk(redis, room="lobby", *, turns=3):
    async with RedisStateManager(redis.url) as state:
        await state.create_conversation(room, "ann", [])
        for n in range(turns):
            await state.add_message(room, "user", f"question {n}", {"lang": "en"})
            await state.add_message(room, "assistant", f"answer {n}")


async def history(redis, conversation_id, *texts):
    async with RedisHistory(redis.url) as usual:
        await usual.append_message(conversation_id, *(message("user", text) for text in texts))


async def test_both_shapes_arrive_in_their_order_with_their_times(redis, service, an_id):
    await talk(redis)
    await history(redis, an_id, "first", "second")
    total, problems = await imported(redis, service)
    assert problems == []
    assert total.is_whole
    assert (total.conversations, total.read, total.added, total.there) == (2, 8, 8, 8)
    assert total.hash_read == total.hash_there
    assert await lines(service, an_id) == [("user", "first"), ("user", "second")]
    room = next(c for c in await conversations(service) if c["title"] == "question 0")
    assert room["user_id"] == "ann"
    assert not room["live"]
    assert len(await lines(service, room["id"])) == 6


async def test_a_second_run_adds_nothing_and_a_later_one_what_is_new(redis, service, an_id):
    await talk(redis)
    await history(redis, an_id, "first")
    await imported(redis, service)
    before = await conversations(service)
    total, problems = await imported(redis, service)
    assert (total.added, total.there, problems) == (0, 7, [])
    assert await conversations(service) == before
    async with RedisStateManager(redis.url) as state:
        await state.add_message("lobby", "user", "one more")
    total, problems = await imported(redis, service)
    assert (total.added, total.there, problems) == (1, 8, [])


async def test_a_list_that_was_cut_in_front_goes_on_where_it_was(redis, service, an_id):
    plain = [json.dumps({"role": "user", "content": text}) for text in "abcabcdabc"]
    key = f"conversation:{an_id}:history"
    with redis.client() as client:
        for upto in (4, 7, 10):
            client.delete(key)
            client.rpush(key, *plain[max(0, upto - 5) : upto])
            total, problems = await imported(redis, service)
            assert problems == []
            assert total.is_whole
    assert [text for _, text in await lines(service, an_id)] == list("abcabcdabc")


async def test_both_shapes_of_one_conversation_are_there_once(redis, service, an_id):
    said = [message("user", f"line {n}") for n in range(5)]
    with redis.client() as client:
        client.set("conversation:r", json.dumps({"conversation_id": an_id, "messages": said[:4]}))
        bare = [{key: one[key] for key in ("role", "content", "timestamp")} for one in said[2:]]
        client.rpush(f"conversation:{an_id}:history", *map(json.dumps, bare))
    total, problems = await imported(redis, service)
    assert (total.read, total.added, problems) == (7, 5, [])
    assert [text for _, text in await lines(service, an_id)] == [f"line {n}" for n in range(5)]


async def test_what_cannot_be_read_is_named_and_holds_up_nothing(redis, service, an_id):
    good = {"role": "user", "content": "hello"}
    hostile = [
        [], {"role": "user"}, {"role": 7, "content": "x"}, {"role": "user", "content": ["x"]},
        {**good, "n": float("nan")}, {**good, "content": "\ud800"}, {**good, "n": 1 << 70},
        {**good, "content": "x" * 300_000},
    ]  # fmt: skip
    with redis.client() as client:
        client.set("conversation:cut", '{"messages": [{"role": "us')
        client.set("conversation:latin", b'{"messages": ["\xe9"]}')
        client.set("conversation:list", "[]")
        client.set("conversation:deep", "[" * 100_000)
        client.set("conversation:huge", b"x" * (KEY_BYTES_MAX + 1))
        client.set(b"conversation:\xff\n", "{}")
        client.hset("conversation:hash", "a", "b")
        client.rpush("conversation:loose", "x")
        client.rpush(f"conversation:{an_id}:history", b"\xff", json.dumps(good), "null", "{")
        client.set("conversation:r", json.dumps({"messages": [*hostile, good]}))
        client.set("other", "x")
    total, problems = await imported(redis, service)
    assert not total.is_whole
    assert (total.conversations, total.read, total.added, total.unread) == (2, 2, 2, 19)
    told = "\n".join(problems)
    for name in ("cut", "latin", "list", "deep", "huge", "hash", "loose"):
        assert f"conversation:{name}: " in told
    assert all(line.isprintable() for line in problems)
    assert f"conversation:{an_id}:history, message 0: it is no UTF-8" in problems
    assert "conversation:r, message 7: it has 300" in told
    assert await lines(service, an_id) == [("user", "hello")]


async def test_what_is_changed_at_the_service_is_told(redis, service, an_id, monkeypatch):
    await history(redis, an_id, "first", "second", "third")

    def less(read, new, *others):
        return items(read, new[:-1], *others)

    items = at_service._items
    monkeypatch.setattr(at_service, "_items", less)
    total, problems = await imported(redis, service)
    assert problems == [f"conversation:{an_id}:history: 1 of 3 messages are not there"]
    assert not total.is_whole
    assert total.hash_read != total.hash_there
    monkeypatch.undo()
    assert (await imported(redis, service))[0].is_whole


async def test_an_import_that_was_killed_anywhere_is_ended_by_the_next_one(redis, service, an_id):
    await history(redis, an_id, *(f"line {n}" for n in range(90)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_service, "BATCH_ENTRIES", 10)
        for sends in (1, 2, 5):
            patch.setattr(AtService, "_send", cut_after(sends))
            with pytest.raises(ArchiveUnavailable):
                await imported(redis, service)
            patch.setattr(AtService, "_send", cut_after.whole)
    total, problems = await imported(redis, service)
    assert problems == []
    assert total.is_whole
    assert [text for _, text in await lines(service, an_id)] == [f"line {n}" for n in range(90)]
    detail = await asked(service, f"/conversations/{an_id}")
    assert [call["end_reason"] for call in detail["call_list"]] == ["imported"]


def cut_after(sends):
    left = [sends]

    async def send(self, *given):
        left[0] -= 1
        if left[0] < 0:
            raise ArchiveUnavailable("killed")
        return await cut_after.whole(self, *given)

    return send


cut_after.whole = AtService._send


async def test_two_imports_at_once_add_each_message_once(redis, service, an_id):
    await history(redis, an_id, *(f"line {n}" for n in range(50)))
    await asyncio.gather(*(imported(redis, service) for _ in range(3)), return_exceptions=True)
    total, problems = await imported(redis, service)
    assert (total.is_whole, problems) == (True, [])
    assert [text for _, text in await lines(service, an_id)] == [f"line {n}" for n in range(50)]


async def test_a_long_conversation_is_whole(redis, service, an_id):
    messages = [{"role": "user", "content": f"{n} " + "x" * 300} for n in range(2_500)]
    with redis.client() as client:
        client.set("conversation:r", json.dumps({"conversation_id": an_id, "messages": messages}))
    total, problems = await imported(redis, service)
    assert (total.added, problems) == (2_500, [])
    assert (await imported(redis, service))[0].added == 0


async def test_a_living_call_in_the_room_is_not_touched(redis, service):
    await talk(redis)
    turn = {"room_name": "lobby", "user_message": "I am here now"}
    async with httpx.AsyncClient(base_url=f"{service}/api/v1", trust_env=False) as client:
        saved = (await client.post("/conversations/save-turn", json=turn)).json()
        await imported(redis, service)
        again = (await client.post("/rooms/lobby/agents", json={})).json()
    assert again == saved
    assert await lines(service, saved["conversation_id"]) == [("user", "I am here now")]


async def test_nobody_who_answers_is_an_error_that_names_no_password(redis, service):
    secret = redis.url.replace("redis://", "redis://user:hunter2@")
    for url in ("redis://user:hunter2@127.0.0.1:9/0", secret):
        with pytest.raises(ArchiveUnavailable) as told:
            await UsualRedis(url).__aenter__()
        assert "hunter2" not in str(told.value)
    with pytest.raises(SettingsInvalid):
        UsualRedis("http://127.0.0.1")
    with pytest.raises(ArchiveUnavailable):
        await AtService("http://127.0.0.1:9", None, Host()).__aenter__()


async def test_a_redis_that_dies_meanwhile_ends_the_run(redis, service, an_id):
    await history(redis, an_id, "first")
    async with UsualRedis(redis.url) as usual:
        keys = await usual.keys()
        redis.signal(signal.SIGSTOP)
        try:
            with pytest.MonkeyPatch.context() as patch, pytest.raises(ArchiveUnavailable):
                patch.setattr("unbroken.moving.usual_redis.ANSWER_S", 0.2)
                async with UsualRedis(redis.url) as slow:
                    await slow.read(keys[0])
        finally:
            redis.signal(signal.SIGCONT)
        assert await usual.read(b"conversation:gone") is None


async def test_a_user_of_redis_needs_to_read_only(redis, service, an_id):
    await talk(redis)
    await history(redis, an_id, "first")
    rights = ("+@read", "+ping", "+scan", "+memory|usage", "+client|setinfo", "~conversation:*")
    with redis.client() as client:
        client.execute_command("ACL", "SETUSER", "mover", "reset", "on", ">hunter2", *rights)
    url = redis.url.replace("redis://", "redis://mover:hunter2@")
    environ = {"UNBROKEN_ARCHIVE": service, "UNBROKEN_API_KEY": "", "UNBROKEN_REDIS": url}
    code, told = said("import-redis", environ=environ)
    assert (code, told.count("7 are at the service, 7 of them new")) == (0, 1), told
    assert "hunter2" not in told


def test_the_command_says_what_it_did_and_ends_with_1_where_it_could_not(redis, service, an_id):
    with redis.client() as client:
        client.set("conversation:r", json.dumps({"id": an_id, "messages": [message("user", "hi")]}))
        client.set("conversation:cut", "{")
    environ = {"UNBROKEN_ARCHIVE": service, "UNBROKEN_API_KEY": ""}
    code, told = said("import-redis", redis.url, environ=environ)
    assert code == 1
    assert "conversation:cut: it is no JSON, or cut off" in told
    assert "1 conversations with 1 messages read: 1 are at the service, 1 of them new." in told
    assert ": the same." in told
    code, told = said("import-redis", redis.url, "--json", environ=environ)
    sums = json.loads(told.splitlines()[-1])
    assert (code, sums["ok"], sums["added"], sums["unread"]) == (1, False, 0, 1)
    assert said("import-redis", environ=environ)[0] == 2
    code, told = said("import-redis", "redis://127.0.0.1:9", environ=environ)
    assert (code, told.count("\n")) == (1, 1)


def test_a_terminal_sees_how_far_it_is(redis, service, an_id):
    with redis.client() as client:
        client.set("conversation:r", json.dumps({"id": an_id, "messages": []}))
    reading, writing = os.openpty()
    environ = {**os.environ, "UNBROKEN_ARCHIVE": service, "UNBROKEN_REDIS": redis.url}
    command = [sys.executable, "-m", "unbroken", "import-redis"]
    environ.pop("UNBROKEN_API_KEY", None)
    subprocess.run(
        command, env=environ, cwd=ROOT, stderr=writing, stdout=subprocess.PIPE, check=True
    )
    os.close(writing)
    assert b"1/1" in os.read(reading, 65_536)
    os.close(reading)


def test_ids_that_are_no_uuids_are_the_same_each_time(an_id):
    one, again, other = (read_history(f"conversation:{n}:history", []).id for n in "aab")
    assert one == again != other
    assert read_history(f"conversation:{an_id}:history", []).id == UUID(an_id)


async def test_what_the_service_does_not_take_is_named_and_the_rest_goes_on(redis, service, an_id):
    await history(redis, an_id, "first")
    await history(redis, "another", "second")
    held = UUID(an_id)

    async def take(self, read, kept):
        if read.id == held:
            raise Conflict("it was not kept: ended")
        return await taking(self, read, kept)

    taking = AtService._take
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtService, "_take", take)
        total, problems = await imported(redis, service)
    assert problems == [f"conversation:{an_id}:history: it was not kept: ended"]
    assert (total.is_whole, total.there, total.wrong) == (False, 1, 1)


async def test_an_import_that_is_over_takes_nothing_more(redis, service, an_id):
    await history(redis, an_id, "first")
    async with UsualRedis(redis.url) as usual, AtService(service, None, Host()) as there:
        read = await usual.read(f"conversation:{an_id}:history".encode())
        nothing = await there.read(read.id)
        await there.add(read, read.messages, nothing)
        with pytest.raises(UnbrokenError):  # a second one that did not see the first
            await there.add(read, read.messages, nothing)
    assert await lines(service, an_id) == [("user", "first")]


def test_a_session_of_that_role_that_is_no_import_says_nothing():
    log = ImportLog()
    for kind, payload in (("item", {"item": {"id": "x"}}), ("note", {"name": NOTE}), ("item", [])):
        log.add(EntryAnswer(kind, payload), NOTE)
    assert log == ImportLog()


def test_times_are_told_in_seconds_milliseconds_and_words():
    for told in (1_700_000_000, 1_700_000_000_000, "2023-11-14T22:13:20", "2023-11-14T23:13:20+01"):
        assert time_us(told) == 1_700_000_000_000_000
    for told in (None, True, 0, -1, "soon", float("inf"), 1e300, "0001-01-01", [], "9" * 400):
        assert time_us(told) is None
