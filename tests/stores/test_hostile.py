"""An entry is never refused for its content; what makes no sense changes nothing else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unbroken import entries
from unbroken.archive import WireEntry, WireMark
from unbroken.errors import InvalidInput
from unbroken.testing.holders import Holder, entry, item, payloads

DEEP = 20_000
HOSTILE = [
    b"",
    b"\xff\xfe",
    b"{",
    b"null",
    b"[]",
    b"[" * DEEP + b"]" * DEEP,
    b'{"item":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'{"item":{"id":"x","content":' + b"[" * 500 + b"]" * 500 + b"}}",
    b'{"item":{"id":7}}',
    b'{"item":{"id":""}}',
    b'{"item":{"id":"' + b"x" * 300 + b'"}}',
    b'{"item":{"id":"x"},"heard_ms":' + b"9" * 40 + b"}",
    b'{"item":{"id":"x","created_at":1e308,"metrics":{"a":' + b"9" * 40 + b"}}}",
    b'{"item":{"id":"x","created_at":-1,"interrupted":1,"role":[]}}',
    b'{"item":{"id":"\\u0000","role":"\\u0000","content":["a\\u0000b"]},"from":"\\u0000"}',
    b'{"item":{"id":"\\ud800","content":["\\ud800x"]}}',
    '{"item":{"id":"x","type":"message","content":"\U0001f600"},"after":"x"}'.encode(),
    b'{"item":{"id":"x","type":{"a":1}}}',
    b'{"item":{"id":"x"},"item":{"id":"y"}}',
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ITEM_KEYS = ["id", "type", "role", "content", "interrupted", "created_at", "metrics", "name"]
ITEMS = st.fixed_dictionaries({}, optional=dict.fromkeys(ITEM_KEYS, JSON))
PUTS = st.fixed_dictionaries(
    {"item": ITEMS | JSON}, optional={"after": JSON, "from": JSON, "heard_ms": JSON}
)
COMMON = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("kind", [*entries.KINDS, "of_a_newer_version"])
async def test_any_bytes_are_kept_under_any_kind(archive, kind):
    holder = Holder(archive)
    taken = await holder.take()
    sent = [entry(payload, kind=kind) for payload in HOSTILE]
    assert (await holder.append(1, *sent)).seq == len(HOSTILE)
    log = await archive.entries(taken.session_id.bytes)
    assert [e.payload for e in log] == HOSTILE


async def test_what_is_readable_of_it_is_shown(archive, conversations):
    holder = Holder(archive)
    taken = await holder.take()
    sent = [entry(payload, kind="item") for payload in HOSTILE]
    await holder.append(1, item("good", "fine", after=None), *sent)
    found = await conversations.list_messages(taken.conversation_id, limit=100, spoken_only=False)
    assert {m.id: m.content for m in found}["good"] == "fine"
    assert "\0" not in "".join(m.id + m.role + m.content + (m.speaker or "") for m in found)


@COMMON
@given(st.lists(PUTS, max_size=6))
async def test_any_json_is_kept(archive, conversations, puts):
    holder = Holder(archive)
    taken = await holder.take(f"room {holder.id}")
    sent = [entry(json.dumps(put).encode(), kind="item") for put in puts]
    assert (await holder.append(1, *sent)).seq == len(sent)
    await conversations.list_messages(taken.conversation_id, limit=9, spoken_only=False)


@COMMON
@given(st.lists(st.binary(max_size=40), max_size=6))
async def test_any_bytes_are_kept(archive, sent):
    holder = Holder(archive)
    await holder.take(f"room {holder.id}")
    await holder.append(1, *[entry(b, kind="item") for b in sent], final="killed")
    assert payloads(await Holder(archive).take(f"room {holder.id}")) == sent


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (WireEntry("", 1, 0, b""), "bad_kind"),
        (WireEntry("x" * 65, 1, 0, b""), "bad_kind"),
        (WireEntry("a\0b", 1, 0, b""), "bad_kind"),
        (WireEntry("\ud800", 1, 0, b""), "bad_kind"),
        (WireEntry("note", 1 << 63, 0, b""), "bad_number"),
        (WireEntry("note", -1, 0, b""), "bad_number"),
        (WireEntry("note", 1, 1 << 64, b""), "bad_number"),
    ],
)
async def test_what_no_column_holds_is_refused(archive, bad, code):
    holder = Holder(archive)
    await holder.take()
    answer = await holder.append(1, entry(), bad)
    assert (answer.outcome, answer.code) == ("refused", code)
    assert (await holder.append(1, entry())).seq == 1


async def test_numbers_beyond_any_column_are_refused(archive):
    holder = Holder(archive)
    await holder.take()
    assert (await holder.append(1 << 63, entry())).code == "bad_number"
    assert (await holder.append(1, term=1 << 64)).code == "bad_first"
    assert (await holder.append(1, mark=WireMark(1 << 63, 1, b""))).code == "bad_number"


async def test_a_cause_of_any_text_is_kept(archive):
    holder = Holder(archive)
    await holder.take()
    await holder.append(1, final="\0" + "x" * 10_000)
    assert len((await Holder(archive).take()).cause or "") == 512


@pytest.mark.parametrize(
    "changed",
    [
        {"room_name": ""},
        {"room_sid": ""},
        {"role": ""},
        {"role": "a\0b"},
        {"user_id": "\ud800"},
        {"room_name": "x" * 513},
        {"ttl_ms": 0},
        {"ttl_ms": 1 << 60},
    ],
)
async def test_a_take_with_impossible_names_is_refused(archive, changed):
    with pytest.raises(InvalidInput):
        await archive.take(Holder(archive).request(**changed))
