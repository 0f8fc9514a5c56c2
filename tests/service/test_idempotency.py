"""A POST that is sent again under its Idempotency-Key is not done again."""

import asyncio

import pytest

from tests.service.test_without_a_journal import API, contents, post, turn
from unbroken.archive import port as wire
from unbroken.store.requests import KEPT_US
from unbroken.testing.holders import Holder, entry

SAVE = "/conversations/save-turn"
KEYED = {"idempotency-key": "K"}
ERROR = {"error_type": "e", "message": "m"}


async def log_size(client, conversation_id):
    found = (await client.get(f"{API}/conversations/{conversation_id}")).json()
    return found["call_list"][0]["sessions"][0]["last_seq"]


async def errors(client):
    return (await client.get(f"{API}/analytics/errors")).json()["errors"]


async def test_the_first_answer_is_told_again(client):
    first = await post(client, SAVE, turn("transfer 10", "done"), 201, headers=KEYED)
    for _ in range(5):
        assert await post(client, SAVE, turn("transfer 10", "done"), 201, headers=KEYED) == first
    assert await log_size(client, first["conversation_id"]) == 2
    reported = [
        await post(client, "/analytics/log-error", ERROR, 201, headers=KEYED) for _ in "123"
    ]
    assert len({report["id"] for report in reported}) == len(await errors(client)) == 1


async def test_it_says_that_it_is_told_again(client):
    answers = [
        await client.post(f"{API}/analytics/log-error", json=ERROR, headers=KEYED) for _ in range(2)
    ]
    assert [a.headers.get("idempotent-replayed") for a in answers] == [None, "true"]
    assert answers[0].headers["content-type"] == answers[1].headers["content-type"]


async def test_another_body_under_the_same_key_is_refused(client):
    first = await post(client, SAVE, turn("transfer 10", "done"), 201, headers=KEYED)
    problem = await post(client, SAVE, turn("transfer 9999", "refused"), 422, headers=KEYED)
    assert problem["code"] == "invalid_input"
    assert await contents(client, first["conversation_id"]) == [
        ("user", "transfer 10"),
        ("assistant", "done"),
    ]


async def test_paths_that_differ_only_as_they_are_sent_are_two(client):
    """The key `c` of the room `a/b`, and the key `b/c` of the room `a`."""
    for path in ("/state/room/a%2Fb/c", "/state/room/a/b%2Fc"):
        for _ in range(2):
            await post(client, path, {"by": 1}, headers=KEYED)
        assert (await client.get(f"{API}{path}")).json()["value"] == 1


async def test_those_that_are_sent_at_once_are_one(client):
    send = (post(client, "/analytics/log-error", ERROR, 201, headers=KEYED) for _ in range(9))
    assert len({report["id"] for report in await asyncio.gather(*send)}) == 1
    assert len(await errors(client)) == 1


async def test_a_refusal_is_told_again_and_a_failure_is_not(client, monkeypatch):
    nowhere = {"room_name": "nowhere"}
    await post(client, "/conversations/finalize", nowhere, 404, headers=KEYED)
    await post(client, "/rooms/nowhere/agents", {})
    await post(client, "/conversations/finalize", nowhere, 404, headers=KEYED)
    await post(client, "/rooms", {"name": "room"}, 503, headers=KEYED)  # LiveKit is away
    answer = await client.post(f"{API}/rooms", json={"name": "room"}, headers=KEYED)
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (503, None)


async def test_a_service_that_died_before_it_answered_does_nothing_twice(client, monkeypatch):
    async def died(*_given):
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(client.parts.store.requests, "answer", died)
        with pytest.raises(asyncio.CancelledError):
            await post(client, SAVE, turn("q", "a"), 201, headers=KEYED)
    saved = await post(client, SAVE, turn("q", "a"), 201, headers=KEYED)
    assert await log_size(client, saved["conversation_id"]) == 2
    await post(client, SAVE, turn("other", "a"), 422, headers=KEYED)


async def test_a_key_is_known_for_a_day_and_then_forgotten(client, clock):
    first = await post(client, "/analytics/log-error", ERROR, 201, headers=KEYED)
    clock.advance(24 * 3_600)
    assert await post(client, "/analytics/log-error", ERROR, 201, headers=KEYED) == first
    clock.advance(KEPT_US / 1_000_000)
    assert await post(client, "/analytics/log-error", ERROR, 201, headers=KEYED) != first


async def test_a_form_is_the_same_whatever_divides_its_parts(client):
    async def upload(content):
        files = {"file": ("a", content)}
        return await client.post(f"{API}/files/upload", files=files, headers=KEYED)

    first, again, other = [await upload(content) for content in (b"one", b"one", b"two")]
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert first.json() == again.json()
    assert other.status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 257])
async def test_a_key_has_a_bound(client, key):
    await post(client, SAVE, turn("q"), 422, headers={"idempotency-key": key})


async def test_agents_messages_may_have_one_too(client, archive):
    holder = Holder(archive)
    await holder.take()
    batch = wire.HostBatch(
        host_id=holder.host_id,
        host_name="t",
        ttl_ms=1_000,
        batches=(holder.batch(1, entry()),),
    )
    content = wire.encode(batch)
    answers = [
        await client.post(f"{API}/journal", content=content, headers=KEYED) for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    other = await client.post(f"{API}/journal", content=content[:-1], headers=KEYED)
    assert other.status_code == 422


async def test_a_long_answer_is_told_and_not_kept(client, monkeypatch):
    monkeypatch.setattr("unbroken.service.idempotency.ANSWER_BYTES_MAX", 10)
    reported = [
        await post(client, "/analytics/log-error", ERROR, 201, headers=KEYED) for _ in range(2)
    ]
    assert reported[0]["id"] != reported[1]["id"]
