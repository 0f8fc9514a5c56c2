"""The paths for agents that keep no journal: they save turns and summaries over HTTP."""

import asyncio
import hashlib

import pytest
import structlog

from tests.core.told import Told
from tests.service.servers import service
from unbroken import BackendClient
from unbroken.archive.http import part
from unbroken.service.watch.loop import WatchLoop
from unbroken.store.records import Round
from unbroken.testing.holders import Holder

API = "/api/v1"
ROOM = "test-room"


async def post(client, path, body, status=200, **more):
    answer = await client.post(f"{API}{path}", json=body, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


def turn(user, assistant=None, **more):
    return {
        "room_name": ROOM,
        "participant_identity": "ann",
        "user_message": user,
        "assistant_message": assistant,
    } | more


async def contents(client, conversation_id):
    answer = await client.get(f"{API}/conversations/{conversation_id}/messages")
    return [(m["role"], m["content"]) for m in answer.json()["messages"]]


async def test_an_agent_announces_itself_and_saves_turns(client):
    joined = await post(client, f"/rooms/{ROOM}/agents", {})
    assert await post(client, f"/rooms/{ROOM}/agent-joined", {"metadata": {"a": 1}}) == joined
    for n in range(3):
        saved = await post(client, "/conversations/save-turn", turn(f"q{n}", f"a{n}"), 201)
        assert saved == joined
    expected = [pair for n in range(3) for pair in (("user", f"q{n}"), ("assistant", f"a{n}"))]
    assert await contents(client, joined["conversation_id"]) == expected
    found = (await client.get(f"{API}/conversations/{joined['conversation_id']}")).json()
    assert (found["title"], found["user_id"], found["live"]) == ("q0", "ann", False)


async def test_the_operators_log_has_no_content(client):
    with structlog.testing.capture_logs() as logs:
        await post(client, "/conversations/save-turn", turn("private words"), 201)
        await post(client, "/conversations/finalize", {"room_name": ROOM, "x": "private words"})
        error = {"error_type": "E", "message": "private words", "room_name": ROOM}
        await post(client, "/analytics/log-error", error, 201)
    assert [line["event"] for line in logs] == ["conversation closed", "agent error reported"]
    assert "private" not in str(logs)


async def test_a_turn_that_is_saved_twice_is_one(client):
    headers = {"idempotency-key": "turn 1"}
    for _ in range(3):
        saved = await post(client, "/conversations/save-turn", turn("q", "a"), 201, headers=headers)
    assert await contents(client, saved["conversation_id"]) == [("user", "q"), ("assistant", "a")]


async def test_turns_that_are_saved_at_once_are_all_kept(client):
    saved = await asyncio.gather(
        *(post(client, "/conversations/save-turn", turn(f"q{n}"), 201) for n in range(10))
    )
    assert len({s["call_id"] for s in saved}) == 1
    found = await contents(client, saved[0]["conversation_id"])
    assert sorted(found) == [("user", f"q{n}") for n in range(10)]


async def test_turns_beside_an_agent_of_ours_are_of_the_same_call(client, archive):
    taken = await Holder(archive).take(ROOM)
    saved = await post(client, "/conversations/save-turn", turn("q"), 201)
    assert saved["call_id"] == str(taken.call_id)
    found = (await client.get(f"{API}/conversations/{taken.conversation_id}")).json()
    roles = {s["role"] for s in found["call_list"][0]["sessions"]}
    assert roles == {"concierge", "saved"}


async def test_the_next_day_it_is_a_new_call_when_the_last_one_is_over(client, clock):
    first = await post(client, "/conversations/save-turn", turn("q"), 201)
    clock.advance(1_000)
    await WatchLoop(client.parts).ends.round(Round(1))
    second = await post(client, "/conversations/save-turn", turn("q"), 201)
    assert second["call_id"] != first["call_id"]
    assert second["conversation_id"] != first["conversation_id"]


async def test_a_session_and_a_conversation_are_summed_up(client):
    joined = await post(client, f"/rooms/{ROOM}/agents", {})
    data = {"room_name": ROOM, "messages": [{"role": "user"}], "participants": [], "duration": 9.5}
    assert await post(client, "/sessions/save", data, 201) == joined
    assert await post(client, "/conversations/finalize", data | {"reason": "done"}) == joined
    for path in ("/sessions/save", "/conversations/finalize"):
        assert (await client.post(f"{API}{path}", json={"room_name": "x"})).status_code == 404


async def test_participants_come_and_go(client):
    who = {"room_name": ROOM, "identity": "ann", "metadata": {"lang": "en"}}
    came = await post(client, "/analytics/participant-connected", who)
    assert await post(client, "/analytics/participant-disconnected", who) == came
    answer = await client.post(
        f"{API}/analytics/participant-disconnected",
        json={"room_name": "unknown", "participant_identity": "ann"},
    )
    assert answer.status_code == 404


async def test_errors_are_kept(client):
    answer = await client.post(
        f"{API}/analytics/log-error",
        content=b'{"room_name":"r","error_type":"ValueError","message":"a\\u0001b"}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    (found,) = (await client.get(f"{API}/analytics/errors")).json()["errors"]
    assert found["id"] == answer.json()["id"]
    assert (found["error_type"], found["message"]) == ("ValueError", "a\x01b")


async def test_what_is_known_of_a_user(client, archive):
    url = f"{API}/users/ann/context"
    nothing = (await client.get(url)).json()
    assert nothing == {
        "identity": "ann",
        "known": False,
        "name": None,
        "context": {},
        "conversations": [],
    }
    taken = await Holder(archive).take(user_id="ann")
    await client.put(url, json={"likes": ["tea", None, 1.5]})
    found = (await client.get(url)).json()
    assert (found["known"], found["context"]) == (True, {"likes": ["tea", None, 1.5]})
    assert [c["id"] for c in found["conversations"]] == [str(taken.conversation_id)]


@pytest.mark.parametrize("content", [b"", b"bytes \x00\xff" * 1_000])
async def test_a_file_is_kept(client, content):
    joined = await post(client, f"/rooms/{ROOM}/agents", {})
    answer = await client.post(
        f"{API}/files/upload",
        files={"file": ('a"/ü.txt', content, "text/html")},
        data={"room_name": ROOM, "identity": "ann"},
    )
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert file["conversation_id"] == joined["conversation_id"]
    found = await client.get(f"{API}/files/{file['id']}")
    assert found.content == content
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"].startswith("attachment")


async def test_a_file_that_is_too_large_is_refused(client):
    answer = await client.post(f"{API}/files/upload", files={"file": b"x" * (34 << 20)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_room_may_have_any_name(tmp_path):
    with service(tmp_path, "ws://127.0.0.1:9") as url:
        client = BackendClient(url, env=Told(tmp_path / "spool", UNBROKEN_ARCHIVE=url))
        for room in (".", "..", "...", "a/..", "a b", "é%2F", "?x#y"):
            path = f"/rooms/{part(room)}/agents"
            named = (await client._request("POST", path, dict, json={}))["conversation_id"]
            found = await client._request("GET", f"/conversations/{named}", dict)
            assert [call["room_name"] for call in found["call_list"]] == [room]
        await client.cleanup()
