"""Lists come in pages: each thing once, in order, and none without a bound."""

import pytest

from unbroken.store import conversations, reports
from unbroken.testing.holders import Holder

API = "/api/v1"
LONG = "x" * 1_000


async def pages(client, path, key, limit):
    """What each page holds, to the last one."""
    found, after = [], ""
    while after is not None:
        answer = await client.get(f"{API}/{path}", params={"limit": limit, "after": after})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()[key])
        after = answer.json()["next"]
    return found


@pytest.fixture
def livekit(client, rooms, monkeypatch):
    monkeypatch.setattr(client.parts.livekit, "list", rooms.list)
    return rooms


async def report(client, message):
    said = {"error_type": "E", "message": message}
    assert (await client.post(f"{API}/analytics/log-error", json=said)).status_code == 201


async def test_errors_come_in_pages_the_newest_first(client):
    for number in range(7):
        await report(client, str(number))
    found = await pages(client, "analytics/errors", "errors", 3)
    assert [e["message"] for page in found for e in page] == list("6543210")
    assert max(map(len, found)) == 3


async def test_errors_of_one_moment_are_all_listed(client, clock):
    at_us = clock.now_us()
    clock.now_us = lambda: at_us
    for number in range(5):
        await report(client, str(number))
    found = await pages(client, "analytics/errors", "errors", 2)
    assert sorted(e["message"] for page in found for e in page) == list("01234")


async def test_a_page_of_long_errors_ends_early(client, monkeypatch):
    monkeypatch.setattr(reports, "PAGE_CHARS_MAX", 2 * len(LONG))
    for _ in range(5):
        await report(client, LONG)
    found = await pages(client, "analytics/errors", "errors", 100)
    assert [len(page) for page in found] == [2, 2, 1, 0]


async def test_rooms_come_in_pages_by_name(client, livekit):
    names = ["b", "a/b", "é", "a", "Z", "c"]
    for name in names:
        livekit.open(name)
    found = await pages(client, "rooms", "rooms", 2)
    assert [room["name"] for page in found for room in page] == sorted(names)
    assert [len(page) for page in found] == [2, 2, 2]
    (all_,) = await pages(client, "rooms", "rooms", 6)
    assert len(all_) == 6


@pytest.mark.parametrize("path", ["rooms", "analytics/errors", "conversations"])
@pytest.mark.parametrize("after", ["!", "gA", "_" * 60])
async def test_a_cursor_of_nobodys_is_refused(client, livekit, path, after):
    answer = await client.get(f"{API}/{path}", params={"after": after})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_only_the_last_calls_of_a_conversation_are_shown(client, archive, monkeypatch):
    monkeypatch.setattr(conversations, "CALLS_MAX", 2)
    conversation_id = None
    for number in range(4):
        holder = Holder(archive)
        taken = await holder.take(f"room {number}", conversation_id=conversation_id)
        conversation_id = taken.conversation_id
    found = (await client.get(f"{API}/conversations/{conversation_id}")).json()
    assert [call["room_name"] for call in found["call_list"]] == ["room 2", "room 3"]
