"""/api/v1/leases and /api/v1/limits: locks, slots and windows over HTTP."""

import asyncio
import json
from uuid import uuid4

import pytest

from unbroken.testing.holders import Holder

LEASES, LIMITS = "/api/v1/leases", "/api/v1/limits"
HANG_S = 120  # a guard: what is waited for comes in milliseconds


def lock(**changed):
    return {"id": str(uuid4()), "kind": "lock", "name": "door", "ttl_s": 60} | changed


def slot(**changed):
    return lock(kind="slot", name="calls", key="ann", limit=2) | changed


async def granted(client, body):
    answer = await client.post(LEASES, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def waiters(client, count):
    async with asyncio.timeout(HANG_S):
        while client.parts.leases.lines.waiters != count:
            await asyncio.sleep(0)


async def test_a_lock_is_granted_renewed_and_released(client, clock):
    body = lock(owner="lobby/concierge")
    lease = await granted(client, body)
    assert (lease["id"], lease["name"], lease["owner"]) == (body["id"], "door", "lobby/concierge")
    clock.advance(50)
    url = f"{LEASES}/{body['id']}"
    renewed = (await client.put(url, json={"ttl_s": 60})).json()
    assert renewed["fence"] == lease["fence"]
    assert renewed["until"] > lease["until"]
    for released in (True, False):
        assert (await client.delete(url)).json() == {"released": released}
    lost = await client.put(url, json={"ttl_s": 60})
    assert (lost.status_code, lost.json()["code"]) == (409, "lease_lost")


async def test_who_does_not_get_it_is_told_when_to_come_again(client):
    await granted(client, lock())
    held = await client.post(LEASES, json=lock())
    assert (held.status_code, held.json()["code"]) == (423, "locked")
    assert 0 < held.json()["retry_s"] <= 60
    assert 1 <= int(held.headers["retry-after"]) <= 60
    for _ in range(2):
        await granted(client, slot())
    full = await client.post(LEASES, json=slot())
    assert (full.status_code, full.json()["code"]) == (429, "limit_reached")
    assert full.json()["retry_s"] > 0


async def test_a_refusal_is_not_told_again_under_its_key(client):
    first = await granted(client, lock())
    body, key = lock(), {"idempotency-key": "once"}
    assert (await client.post(LEASES, json=body, headers=key)).status_code == 423
    await client.delete(f"{LEASES}/{first['id']}")
    assert (await client.post(LEASES, json=body, headers=key)).status_code == 200


async def test_who_waits_is_granted_what_is_released(client):
    first = await granted(client, lock())
    waiting = asyncio.create_task(client.post(LEASES, json=lock(wait_s=20)))
    await waiters(client, 1)
    await client.delete(f"{LEASES}/{first['id']}")
    answer = await asyncio.wait_for(waiting, HANG_S)
    assert answer.status_code == 200
    assert answer.json()["fence"] > first["fence"]


async def test_who_has_gone_is_granted_nothing(client):
    first = await granted(client, lock())
    body, sent = lock(wait_s=20), []
    content = json.dumps(body).encode()
    gone, left = asyncio.Event(), [{"type": "http.request", "body": content, "more_body": False}]

    async def receive():
        if left:
            return left.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost:8000"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": LEASES,
        "raw_path": LEASES.encode(),
        "query_string": b"",
        "headers": [*headers, (b"content-length", b"%d" % len(content))],
    }
    asked = asyncio.create_task(client._transport.app(scope, receive, send))
    await waiters(client, 1)
    gone.set()
    await asyncio.wait_for(asked, HANG_S)
    await waiters(client, 0)
    await client.delete(f"{LEASES}/{first['id']}")
    await granted(client, lock())


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "door"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 257},
        {"key": "ann"},
        {"limit": 2},
        {"ttl_s": 0.5},
        {"ttl_s": 301},
        {"wait_s": 21},
        {"wait_s": -1},
        {"owner": "x" * 257},
        {"owner": "a\0"},
        {"session_id": str(uuid4())},
        {"term": 1},
        {"kind": "slot", "key": "a\nb"},
        {"kind": "slot", "limit": 0},
        {"kind": "slot", "limit": 10_001},
    ],
)
async def test_what_may_not_be_is_refused(client, changed):
    answer = await client.post(LEASES, json=lock(**changed))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert (await client.get(LIMITS)).json() == {"leases": [], "next": None}


async def test_what_belongs_to_a_session_ends_with_it(client, archive):
    holder = Holder(archive)
    taken = await holder.take(ttl_ms=60_000)
    session = {"session_id": str(taken.session_id), "term": taken.term}
    lease = await granted(client, slot(**session))
    assert lease["session_id"] == session["session_id"]
    refused = await client.post(LEASES, json=slot(**session | {"term": taken.term + 1}))
    assert (refused.status_code, refused.json()["code"]) == (409, "call_taken")
    unknown = await client.post(LEASES, json=slot(**session | {"session_id": str(uuid4())}))
    assert unknown.status_code == 404
    await client.parts.store.watch.end(taken.session_id, taken.term, holder.id, reason="done")
    assert (await client.get(LIMITS)).json()["leases"] == []


async def test_the_limits_show_who_holds_what(client):
    leases = [await granted(client, slot(owner=f"room {n}", limit=9)) for n in range(3)]
    leases.sort(key=lambda lease: lease["id"])
    first = (await client.get(LIMITS, params={"limit": 2})).json()
    assert (first["leases"], first["next"]) == (leases[:2], leases[1]["id"])
    rest = (await client.get(LIMITS, params={"limit": 2, "after": first["next"]})).json()
    assert (rest["leases"], rest["next"]) == (leases[2:], None)


async def test_a_window_admits_so_many(client, clock):
    asked = {"name": "sms", "key": "ann", "limit": 2, "per_s": 60}
    for _ in range(2):
        answer = await client.post(f"{LIMITS}/admit", json=asked)
        assert answer.json() == {"admitted": True}
    full = await client.post(f"{LIMITS}/admit", json=asked)
    assert (full.status_code, full.json()["code"]) == (429, "limit_reached")
    assert 0 < full.json()["retry_s"] <= 60
    clock.advance(61)
    assert (await client.post(f"{LIMITS}/admit", json=asked)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [{"name": ""}, {"key": "a\n"}, {"limit": 0}, {"limit": 10_001}, {"per_s": 0}, {"per_s": 1e9}],
)
async def test_what_is_no_window_is_refused(client, changed):
    asked = {"name": "sms", "limit": 2, "per_s": 60} | changed
    answer = await client.post(f"{LIMITS}/admit", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
