"""/conversations and /sessions: what people read."""

import asyncio
import hashlib
import re

import msgspec

from unbroken.archive.port import WireEntry
from unbroken.log import entries
from unbroken.testing.holders import ENV, Holder, entry, item

API = "/api/v1"
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def put(after: str, **what) -> WireEntry:
    payload, _ = entries.encode(entries.ItemPut(item=what, after=after))
    return WireEntry("item", ENV.now_us(), 0, payload)


def part(text: str) -> dict[str, object]:
    """What stands in an entry for a text that is a blob."""
    return {"$blob": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text)}


def apart(said: WireEntry) -> WireEntry:
    return msgspec.structs.replace(said, flags=entries.BLOBS)


async def a_call(archive):
    holder = Holder(archive)
    taken = await holder.take("room", user_id="ann")
    user = {"end_of_turn_delay": 0.4, "transcription_delay": 0.25}
    agent = {"llm_node_ttft": 0.1204, "tts_node_ttfb": 0.2, "e2e_latency": 0.9}
    await holder.append(
        1,
        item("g", "Welcome!", after=None, role="assistant"),
        item("u", "A table for two, please.", after="g", metrics=user),
        put(
            "u",
            id="f",
            type="function_call",
            call_id="c1",
            name="book",
            arguments='{"for":2}',
        ),
        put("f", id="o", type="function_call_output", call_id="c1", output="ok", is_error=False),
        item("a", "Booked.", after="o", role="assistant", metrics=agent, interrupted=True),
    )
    return holder, taken


async def test_a_conversation_with_its_calls(client, archive):
    holder, taken = await a_call(archive)
    found = (await client.get(f"{API}/conversations/{taken.conversation_id}")).json()
    (call,) = found.pop("call_list")
    (session,) = call.pop("sessions")
    times = [found.pop("created_at"), found.pop("last_at"), call.pop("started_at")]
    times.append(session.pop("opened_at"))
    assert all(TIME.match(time) for time in times)
    assert found == {
        "id": str(taken.conversation_id),
        "title": "A table for two, please.",
        "user_id": "ann",
        "calls": 1,
        "messages": 3,
        "live": True,
        "last_message": "Booked.",
    }
    assert call == {
        "id": str(taken.call_id),
        "room_name": "room",
        "ended_at": None,
        "left_at": None,
        "kept_until": None,
        "end_reason": None,
    }
    assert session == {
        "id": str(taken.session_id),
        "role": "concierge",
        "agent_name": "concierge",
        "agent_identity": f"agent-{holder.id.hex[-6:]}",
        "phase": "live",
        "term": 1,
        "last_seq": 5,
        "cause": None,
        "end_reason": None,
        "degraded": None,
    }
    assert (await client.get(f"{API}/sessions/{taken.session_id}")).json()["last_seq"] == 5


async def test_conversations_in_pages(client, archive):
    made = [str((await Holder(archive).take(f"room {n}")).conversation_id) for n in range(5)]
    found, after = [], None
    while True:
        params = {"limit": 2} | ({"after": after} if after else {})
        page = (await client.get(f"{API}/conversations", params=params)).json()
        found += [c["id"] for c in page["conversations"]]
        if not (after := page["next"]):
            break
    assert found == made[::-1]


async def test_messages_in_pages(client, archive):
    _, taken = await a_call(archive)
    url = f"{API}/conversations/{taken.conversation_id}/messages"
    last = (await client.get(url, params={"limit": 2})).json()
    assert [m["id"] for m in last["messages"]] == ["u", "a"]
    first = (await client.get(url, params={"limit": 2, "before": last["before"]})).json()
    assert ([m["id"] for m in first["messages"]], first["before"]) == (["g"], None)
    answer = last["messages"][1]
    assert TIME.match(answer.pop("created_at"))
    assert answer == {
        "id": "a",
        "role": "assistant",
        "content": "Booked.",
        "interrupted": True,
        "heard_ms": None,
        "speaker": "ann",
        "session_id": str(taken.session_id),
        "metrics": {"llm_node_ttft": 0.1204, "tts_node_ttfb": 0.2, "e2e_latency": 0.9},
        "takeover": None,
        "corrupt": False,
    }
    everything = (await client.get(url, params={"items": "all"})).json()["messages"]
    assert [m["id"] for m in everything] == ["g", "u", "f", "o", "a"]


async def test_turns(client, archive):
    _, taken = await a_call(archive)
    found = (await client.get(f"{API}/conversations/{taken.conversation_id}/turns")).json()
    greeting, turn = found["turns"]
    assert (greeting["id"], greeting["user"], greeting["delays_ms"]) == ("g", None, {})
    assert [m["id"] for m in greeting["assistant"]] == ["g"]
    assert (turn["id"], turn["user"]["id"]) == ("u", "u")
    assert [m["id"] for m in turn["assistant"]] == ["a"]
    assert turn["tools"] == [
        {"name": "book", "arguments": '{"for":2}', "output": "ok", "is_error": False}
    ]
    assert turn["delays_ms"] == {
        "end_of_turn": 400.0,
        "transcription": 250.0,
        "llm_first_token": 120.4,
        "tts_first_byte": 200.0,
        "total": 900.0,
    }


async def test_turns_are_whole_on_every_page(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    said, before = [], None
    for n in range(6):
        said.append(item(f"u{n}", "q", after=before))
        said.append(item(f"a{n}", "r", after=f"u{n}", role="assistant"))
        before = f"a{n}"
    await holder.append(1, *said)
    url, found, cursor = f"{API}/conversations/{taken.conversation_id}/turns", [], None
    while True:
        params = {"limit": 5} | ({"before": cursor} if cursor else {})
        page = (await client.get(url, params=params)).json()
        assert all(len(turn["assistant"]) == 1 for turn in page["turns"])
        found = [turn["id"] for turn in page["turns"]] + found
        if not (cursor := page["before"]):
            break
    assert found == [f"u{n}" for n in range(6)]


async def test_two_who_rename_at_once_are_each_told_their_own_title(client, archive):
    _, taken = await a_call(archive)
    url = f"{API}/conversations/{taken.conversation_id}"
    titles = [f"title {n}" for n in range(8)]
    answers = await asyncio.gather(*(client.patch(url, json={"title": t}) for t in titles))
    assert [answer.json()["title"] for answer in answers] == titles


async def test_a_conversation_is_renamed(client, archive):
    taken = await Holder(archive).take()
    url = f"{API}/conversations/{taken.conversation_id}"
    assert (await client.patch(url, json={"title": "Dinner"})).json()["title"] == "Dinner"
    assert (await client.get(url)).json()["title"] == "Dinner"
    assert (await client.patch(url, json={"title": ""})).status_code == 422
    missing = f"{API}/conversations/{ENV.new_id()}"
    assert (await client.patch(missing, json={"title": "x"})).status_code == 404


async def test_the_log_in_pages(client, archive):
    holder, taken = await a_call(archive)
    await holder.append(6, entry(b"\xff", kind="of_a_newer_version"))
    url = f"{API}/sessions/{taken.session_id}/entries"
    first = (await client.get(url, params={"limit": 4})).json()
    assert ([e["seq"] for e in first["entries"]], first["next"]) == ([1, 2, 3, 4], 4)
    assert first["entries"][0]["payload"]["item"]["content"] == ["Welcome!"]
    rest = (await client.get(url, params={"after": 4})).json()
    assert ([e["seq"] for e in rest["entries"]], rest["next"]) == ([5, 6], None)
    last = rest["entries"][-1]
    assert TIME.match(last.pop("at"))
    assert last == {
        "seq": 6,
        "term": 1,
        "kind": "of_a_newer_version",
        "flags": 0,
        "payload": {"$base64": "/w=="},
    }


async def test_a_page_of_the_log_is_bounded_in_bytes(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    large = entry(b'"' + b"x" * 250_000 + b'"')
    await holder.append(1, *[large] * 30)
    url, seqs, after = f"{API}/sessions/{taken.session_id}/entries", [], 0
    while after is not None:
        page = (await client.get(url, params={"after": after})).json()
        assert len(page["entries"]) < 20
        seqs += [e["seq"] for e in page["entries"]]
        after = page["next"]
    assert seqs == list(range(1, 31))


async def test_hostile_payloads_are_shown_as_they_are(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    sent = [b"[" * 20_000 + b"]" * 20_000, b'"\\ud800"', b"", b"9" * 400]
    await holder.append(1, *[entry(payload) for payload in sent])
    answer = await client.get(f"{API}/sessions/{taken.session_id}/entries")
    assert [e["seq"] for e in answer.json()["entries"]] == [1, 2, 3, 4]


async def test_large_parts_are_shown_and_named_where_they_are_not_there(client, archive):
    large, gone = "long " * 10_000, "gone" * 10_000
    holder = Holder(archive)
    taken = await holder.take()
    await archive.put_blob(hashlib.sha256(large.encode()).digest(), large.encode())
    await holder.append(
        1,
        apart(item("u", part(large), after=None)),
        apart(item("a", part(gone), after="u", role="assistant")),
        item("b", "well", after="a", role="assistant"),
    )
    url = f"{API}/conversations/{taken.conversation_id}"
    found = (await client.get(f"{url}/messages")).json()["messages"]
    missing = "[40000 bytes that were here are missing]"
    assert [m["content"] for m in found] == [large, missing, "well"]
    (turn,) = (await client.get(f"{url}/turns")).json()["turns"]
    assert [turn["user"]["content"], turn["assistant"][0]["content"]] == [large, missing]
    shown = (await client.get(url)).json()
    assert (shown["title"][:9], len(shown["title"]), shown["last_message"]) == (
        large[:9],
        80,
        "well",
    )
    log = (await client.get(f"{API}/sessions/{taken.session_id}/entries")).json()["entries"]
    assert [e["payload"]["item"]["content"][0] for e in log] == [part(large), part(gone), "well"]
    await archive.put_blob(hashlib.sha256(gone.encode()).digest(), gone.encode())
    found = (await client.get(f"{url}/messages")).json()["messages"]
    assert [m["content"] for m in found] == [large, gone, "well"]


async def test_a_last_line_is_shown_however_large_it_is(client, archive):
    large, holder = "long " * 10_000, Holder(archive)
    taken = await holder.take()
    await archive.put_blob(hashlib.sha256(large.encode()).digest(), large.encode())
    await holder.append(1, item("u", "hi", after=None), apart(item("v", part(large), after="u")))
    shown = (await client.get(f"{API}/conversations/{taken.conversation_id}")).json()
    assert (shown["title"], shown["last_message"]) == ("hi", large)
    (listed,) = (await client.get(f"{API}/conversations")).json()["conversations"]
    assert (listed["title"], listed["last_message"]) == ("hi", large)


async def test_turns_of_two_roles_that_speak_at_once_are_whole(client, archive):
    first, second = Holder(archive), Holder(archive)
    taken = await first.take(role="left")
    await second.take(role="right")
    for n, (role, name) in enumerate((("user", "u"), ("assistant", "a")), 1):
        for holder, side in ((first, "left"), (second, "right")):
            after = f"{side} u" if n > 1 else None
            await holder.append(n, item(f"{side} {name}", f"{side} {name}", after=after, role=role))
    url = f"{API}/conversations/{taken.conversation_id}"
    found = (await client.get(f"{url}/turns")).json()["turns"]
    said = [(t["id"], t["user"]["content"], [a["content"] for a in t["assistant"]]) for t in found]
    assert said == [(f"{side} u", f"{side} u", [f"{side} a"]) for side in ("left", "right")]
    lines, before = [], None
    while before or not lines:
        asked = {"limit": 1} | ({"before": before} if before else {})
        page = (await client.get(f"{url}/messages", params=asked)).json()
        lines, before = [m["content"] for m in page["messages"]] + lines, page["before"]
    assert lines == ["left u", "right u", "left a", "right a"]


async def test_the_large_parts_of_a_tool_are_shown(client, archive):
    large = "long " * 10_000
    holder = Holder(archive)
    taken = await holder.take()
    await archive.put_blob(hashlib.sha256(large.encode()).digest(), large.encode())
    call = {"id": "f", "type": "function_call", "call_id": "c", "name": "look"}
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": part(large)}
    await holder.append(
        1, apart(put("u", arguments=part(large), **call)), apart(put("f", is_error=False, **output))
    )
    (turn,) = (await client.get(f"{API}/conversations/{taken.conversation_id}/turns")).json()[
        "turns"
    ]
    (tool,) = turn["tools"]
    assert (tool["name"], tool["arguments"], tool["output"]) == ("look", large, large)


async def test_what_looks_like_a_reference_and_is_none_is_data(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, item("u", part("x"), after=None), item("a", "well", after="u"))
    found = await client.get(f"{API}/conversations/{taken.conversation_id}/messages")
    assert [m["content"] for m in found.json()["messages"]] == ["", "well"]


async def test_a_list_holds_a_bounded_size_of_large_parts(client, archive):
    texts = [f"{n:02}" * 1_000_000 for n in range(9)]
    holder = Holder(archive)
    taken = await holder.take()
    for text in texts:
        await archive.put_blob(hashlib.sha256(text.encode()).digest(), text.encode())
    await holder.append(1, *[apart(item(text[:2], part(text), after=None)) for text in texts])
    answer = await client.get(f"{API}/conversations/{taken.conversation_id}/messages")
    assert answer.status_code == 200
    assert len(answer.content) < 8_000_000
    assert "[a large part, stored apart]" in {m["content"] for m in answer.json()["messages"]}


async def test_delays_beyond_any_number_are_left_out(client, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, item("u", "hi", after=None, metrics={"end_of_turn_delay": 1e307}))
    answer = await client.get(f"{API}/conversations/{taken.conversation_id}/turns")
    assert answer.json()["turns"][0]["delays_ms"] == {}


async def test_the_side_lane(client, archive):
    old = Holder(archive)
    taken = await old.take()
    await old.append(1, entry(b"1"), final="killed")
    await Holder(archive).take()
    await old.append(2, entry(b'{"late":1}'))
    found = (await client.get(f"{API}/sessions/{taken.session_id}/side")).json()["entries"]
    (late,) = found
    assert (late["seq"], late["term"], late["reason"]) == (2, 1, "late")
    assert late["payload"] == {"late": 1}
    missing = f"{API}/sessions/{ENV.new_id()}"
    for path in ("", "/entries", "/side"):
        assert (await client.get(missing + path)).status_code == 404


async def test_conversations_of_one_user_are_listed(client, archive):
    await a_call(archive)
    for user_id, count in (("ann", 1), ("nobody", 0)):
        found = await client.get(f"{API}/conversations", params={"user_id": user_id})
        assert len(found.json()["conversations"]) == count


async def test_a_filter_that_is_unknown_is_refused_and_not_ignored(client, archive):
    await a_call(archive)
    for path in ("conversations?user=ann", "conversations?limit=5&query=table", "rooms?name=x"):
        answer = await client.get(f"{API}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert "no such parameter here" in answer.json()["detail"]


async def test_a_filter_that_is_given_twice_is_refused(client, archive):
    await a_call(archive)
    for path in ("conversations?user_id=nobody&user_id=ann", "analytics/errors?limit=1&limit=2"):
        answer = await client.get(f"{API}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert "is given once" in answer.json()["detail"]


async def test_a_turn_that_was_saved_is_no_live_conversation(client):
    turn = {"room_name": "room", "participant_identity": "ann", "user_message": "Hello."}
    saved = await client.post(f"{API}/conversations/save-turn", json=turn)
    found = await client.get(f"{API}/conversations/{saved.json()['conversation_id']}")
    assert found.json()["live"] is False


async def test_a_call_is_as_long_as_its_people_were_there(client, archive):
    holder = Holder(archive)
    taken = await holder.take("room")
    path = f"{API}/conversations/{taken.conversation_id}"
    (call,) = (await client.get(path)).json()["call_list"]
    assert (call["left_at"], call["kept_until"]) == (None, None)
    await holder.append(1, item("u", "Hello.", after=None), final="empty")
    (call,) = (await client.get(path)).json()["call_list"]
    assert call["ended_at"] is None
    assert call["started_at"] < call["left_at"] < call["kept_until"]
