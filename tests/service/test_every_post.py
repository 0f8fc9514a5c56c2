"""Every POST of the contract is done once under its Idempotency-Key, a new one too."""

from uuid import uuid4

import pytest

from tests.service.conftest import opened
from tests.service.servers import KEY, SECRET, livekit_server
from unbroken.archive import port as wire
from unbroken.service.settings import Settings
from unbroken.testing.holders import Holder, entry

ROOM = "every post"
TURN = {"room_name": ROOM, "user_message": "q"}
PERSON = {"room_name": ROOM, "identity": "ann"}
LOCK = {"id": str(uuid4()), "kind": "lock", "name": ROOM, "ttl_s": 60}
SMS = {"name": "sms", "limit": 5, "per_s": 60}
# A body that is taken, and another one; those of agents and of a session are made below.
BODIES = {
    "/api/v1/rooms": ({"name": ROOM}, {"name": "another"}),
    "/api/v1/rooms/{name}/token": ({"identity": "ann"}, {"identity": "bob"}),
    "/api/v1/rooms/{name}/agents": ({"metadata": {"n": 1}}, {"metadata": {"n": 2}}),
    "/api/v1/rooms/{name}/agent-joined": ({"metadata": {"n": 1}}, {"metadata": {"n": 2}}),
    "/api/v1/conversations/save-turn": (TURN, TURN | {"user_message": "other"}),
    "/api/v1/conversations/finalize": ({"room_name": ROOM}, {"room_name": ROOM, "more": 1}),
    "/api/v1/sessions/save": ({"room_name": ROOM}, {"room_name": ROOM, "more": 1}),
    "/api/v1/sessions/{session_id}/kill": ({}, {"more": 1}),
    "/api/v1/sessions/take": (None, None),
    "/api/v1/journal": (None, None),
    "/api/v1/files/upload": (None, None),
    "/api/v1/state/{scope}/{owner}/{key}": ({"by": 1}, {"by": 2}),
    "/api/v1/leases": (LOCK, LOCK | {"ttl_s": 50}),
    "/api/v1/limits/admit": (SMS, SMS | {"limit": 6}),
    "/api/v1/analytics/participant-connected": (PERSON, PERSON | {"identity": "bob"}),
    "/api/v1/analytics/participant-disconnected": (PERSON, PERSON | {"identity": "bob"}),
    "/api/v1/analytics/log-error": (
        {"error_type": "e", "message": "m"},
        {"error_type": "e", "message": "other"},
    ),
}


@pytest.fixture(scope="module")
def livekit_url(tmp_path_factory):
    with livekit_server(tmp_path_factory.mktemp("livekit")) as url:
        yield url


@pytest.fixture
def settings(tmp_path, livekit_url) -> Settings:
    where = {"livekit_url": livekit_url, "livekit_api_key": KEY, "livekit_api_secret": SECRET}
    return Settings(data=tmp_path, demo=True, **where)


async def sent(client, holder, path):
    """Two requests to `path`, as httpx takes them, with another body."""
    if path.endswith("/upload"):
        return [{"files": {"file": ("a", content)}} for content in (b"one", b"two")]
    if path.endswith("/take"):
        contents = [wire.encode(Holder(holder.archive).request(f"{ROOM} {n}")) for n in "12"]
        return [{"content": content} for content in contents]
    if path.endswith("/journal"):
        asked = {"host_id": holder.host_id, "host_name": "t", "ttl_ms": 60_000}
        batches = [(holder.batch(1, entry(payload)),) for payload in (b"1", b"2")]
        contents = [wire.encode(wire.HostBatch(**asked, batches=b)) for b in batches]
        return [{"content": content} for content in contents]
    return [{"json": body} for body in BODIES[path]]


async def test_a_post_that_is_sent_again_is_answered_again_and_another_body_refused(settings):
    async with opened(settings) as client:
        holder = Holder(client.parts.store.archive)
        taken = await holder.take(ROOM, ttl_ms=60_000)
        assert (await client.post("/api/v1/rooms", json={"name": ROOM})).status_code == 201
        contract = (await client.get("/openapi.json")).json()["paths"]
        posts = [path for path, operations in contract.items() if "post" in operations]
        assert sorted(BODIES) == sorted(posts), "a POST that this test does not send"
        for path in BODIES:
            names = {"name": ROOM, "session_id": taken.session_id}
            url = path.format(**names, scope="app", owner="default", key="calls")
            body, other = await sent(client, holder, path)
            key = {"idempotency-key": str(uuid4())}
            first, again = [await client.post(url, headers=key, **body) for _ in "12"]
            assert first.status_code < 300, (path, first.text)
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers.get("idempotent-replayed") == "true", path
            refused = await client.post(url, headers=key, **other)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), path
