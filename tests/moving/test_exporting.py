"""The way back: what the service has, as the usual StateManager on Redis has it."""

import json

import httpx
import pytest

from bench.comparison.usual_redis import RedisStateManager, message
from tests.cli.conftest import said
from tests.moving.test_importing import imported, lines, talk
from unbroken.env import Host
from unbroken.moving.at_service import AtService
from unbroken.moving.exporting import ExportTotal, export_all
from unbroken.moving.usual_redis import UsualRedis


@pytest.fixture
def service(own_service) -> str:
    return own_service


async def exported(redis, service) -> tuple[ExportTotal, list[str]]:
    total, problems = ExportTotal(), []
    async with UsualRedis(redis.url) as usual, AtService(service, None, Host()) as there:
        async for one in export_all(usual, there):
            total.add(one)
            problems += [f"{one.key}: {one.wrong}"] if one.wrong else []
    return total, problems


def held(redis) -> dict[str, object]:
    """All that Redis has, decoded."""
    found = {}
    with redis.client() as client:
        for key in client.scan_iter():
            is_list = client.type(key) == "list"
            texts = client.lrange(key, 0, -1) if is_list else [client.get(key)]
            found[key] = [json.loads(text) for text in texts]
    return found


async def turn(service, room, text) -> str:
    said = {"room_name": room, "user_message": text, "assistant_message": f"{text}!"}
    async with httpx.AsyncClient(base_url=f"{service}/api/v1", trust_env=False) as client:
        saved = await client.post("/conversations/save-turn", json=said)
        return saved.raise_for_status().json()["conversation_id"]


async def close(service, room) -> None:
    async with httpx.AsyncClient(base_url=f"{service}/api/v1", trust_env=False) as client:
        (await client.post("/conversations/finalize", json={"room_name": room})).raise_for_status()


async def test_there_and_back_is_the_same(redis, service, an_id):
    await talk(redis)
    with redis.client() as client:
        fields = {"id": an_id, "ended_at": None, "metadata": {"a": [1, {"b": 2.5}]}, "x": "y"}
        odd = [{"role": "tool", "content": "", "name": "é\n", "n": 1}, message("system", "rule")]
        client.set("conversation:r/ä:history", json.dumps({**fields, "messages": odd}))
        client.set("conversation:empty", json.dumps({"messages": [], "started_at": 7}))
        lines = [{"role": "user", "content": "same"}] * 3
        client.rpush(f"conversation:{an_id[::-1]}:history", *map(json.dumps, lines))
        before = held(redis)
        assert (await imported(redis, service))[0].is_whole
        client.flushall()
        total, problems = await exported(redis, service)
        assert (total.keys, total.written, total.wrong, problems) == (4, 4, 0, [])
        assert held(redis) == before
        assert client.ttl("conversation:lobby") == -1
    assert (await exported(redis, service))[0].written == 0
    total, problems = await imported(redis, service)
    assert (total.added, total.is_whole, problems) == (0, True, [])


async def test_the_usual_manager_goes_on_with_what_was_said_here_and_back(redis, service):
    conversation_id = await turn(service, "bar", "hello")
    assert (await exported(redis, service))[1] == []
    async with RedisStateManager(redis.url) as state:
        assert (await state.get_conversation("bar"))["conversation_id"] == conversation_id
        await state.add_message("bar", "user", "said in the old way")
    total, problems = await imported(redis, service)
    assert (total.read, total.added, total.is_whole, problems) == (3, 1, True, [])
    said = [text for _, text in await lines(service, conversation_id)]
    assert said == ["hello", "hello!", "said in the old way"]
    total, problems = await exported(redis, service)
    assert (total.wrong, problems) == (0, [])
    assert (await imported(redis, service))[0].added == 0


async def test_older_conversations_of_a_room_are_lists_by_their_id(redis, service):
    first = await turn(service, "bar", "monday")
    await close(service, "bar")
    second = await turn(service, "bar", "tuesday")
    assert first != second
    total, problems = await exported(redis, service)
    assert (total.keys, problems) == (2, [])
    found = held(redis)
    assert set(found) == {"conversation:bar", f"conversation:{first}:history"}
    assert found["conversation:bar"][0]["conversation_id"] == second
    assert [one["content"] for one in found[f"conversation:{first}:history"]] == [
        "monday",
        "monday!",
    ]


async def test_what_only_redis_has_is_left_and_named(redis, service, an_id):
    await turn(service, "bar", "hello")
    others = {
        "conversation:bar": json.dumps({"id": an_id, "messages": [message("user", "another")]})
    }
    with redis.client() as client:
        for text in (*others.values(), "{", json.dumps({"messages": [{}]})):
            client.set("conversation:bar", text)
            total, (problem,) = await exported(redis, service)
            assert problem.startswith("conversation:bar: it h")
            assert (total.wrong, client.get("conversation:bar")) == (1, text)


async def test_a_key_that_is_changed_in_that_moment_keeps_the_change(redis, service):
    await turn(service, "bar", "hello")

    async def read(self, key):
        found = await reading(self, key)
        with redis.client() as client:
            client.set(key, "newer")
        return found

    reading = UsualRedis.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UsualRedis, "read", read)
        _, problems = await exported(redis, service)
    assert problems == ["conversation:bar: it is changed in this moment: run it again"]
    with redis.client() as client:
        assert client.get("conversation:bar") == "newer"


async def test_what_redis_has_of_it_already_is_completed(redis, service):
    await turn(service, "bar", "hello")
    await exported(redis, service)
    await turn(service, "bar", "and more")
    total, problems = await exported(redis, service)
    assert (total.written, problems) == (1, [])
    (found,) = held(redis)["conversation:bar"]
    assert [one["content"] for one in found["messages"]][2:] == ["and more", "and more!"]


async def test_the_command_says_what_it_did(redis, service):
    await turn(service, "bar", "hello")
    environ = {"UNBROKEN_ARCHIVE": service, "UNBROKEN_API_KEY": "", "UNBROKEN_REDIS": redis.url}
    code, told = said("export-redis", environ=environ)
    expected = "1 keys with 2 messages: 1 were written, 0 were so before, 0 are not so.\n"
    assert (code, told) == (0, expected)
    with redis.client() as client:
        client.set("conversation:bar", "mine")
    code, told = said("export-redis", "--json", environ=environ)
    assert code == 1
    assert told.startswith("conversation:bar: it holds something else: it is no JSON, or cut off")
    assert json.loads(told.splitlines()[-1])["wrong"] == 1
    code, told = said("export-redis", "redis://u:hunter2@127.0.0.1:9", environ=environ)
    assert (code, "hunter2" in told, told.count("\n")) == (1, False, 1)
