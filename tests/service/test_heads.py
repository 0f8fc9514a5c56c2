"""HEAD: what GET answers, without what is in it."""

import asyncio

import pytest

from tests.service.conftest import opened
from tests.service.test_conversations import API
from tests.service.test_state import KEY, ROOM, bearer, put, token
from unbroken.service.settings import Settings
from unbroken.testing.holders import Holder, item

HANG_S = 20


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/healthz",
        "/readyz",
        "/",
        "/favicon.svg",
        "/conversations",
        "/no-such-page",
        "/openapi.json",
        f"{API}/system",
        f"{API}/conversations",
        f"{API}/conversations?limit=0",
        f"{API}/nothing",
        f"{API}/state/room/lobby/order",
        f"{API}/blobs/{'0' * 64}",
        f"{API}/rooms/lobby",
    ],
)
async def test_it_says_what_get_says(client, path):
    await put(client, "room/lobby/order", {"table": 7})
    whole, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert dict(head.headers) == dict(whole.headers)


async def test_it_is_compared_with_what_is_known_as_get_is(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, item("m1", "hello", after=None))
    path = f"{API}/conversations/{taken.conversation_id}/messages"
    tag = (await client.head(path)).headers["etag"]
    assert tag == (await client.get(path)).headers["etag"]
    assert (await client.head(path, headers={"if-none-match": tag})).status_code == 304


async def test_of_a_stream_it_is_the_beginning(client):
    await put(client, "room/lobby/order", 1)
    async with asyncio.timeout(HANG_S):
        head = await client.head(f"{ROOM}/watch")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_where_nothing_is_read_there_is_none(client):
    head = await client.head(f"{API}/sessions/take")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


async def test_it_needs_the_key_that_get_needs(settings):
    key = Settings(api_key=KEY).api_key
    async with opened(settings.model_copy(update={"api_key": key})) as client:
        assert (await client.head(f"{API}/system")).status_code == 401
        assert (await client.head(f"{API}/system", headers=bearer(KEY))).status_code == 200
        joined = bearer(token(settings))
        assert (await client.head(f"{ROOM}/watch", headers=joined)).status_code == 200
        assert (await client.head("/healthz")).status_code == 200
