"""An entry is never refused for its content; what makes no sense changes nothing else."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unbroken.archive.port import NUMBER_MAX, WireEntry, WireMark
from unbroken.errors import ArchiveUnavailable, InvalidInput
from unbroken.log import entries
from unbroken.log.session import fold
from unbroken.store import appending, projection
from unbroken.store.appending import SIDE_ENTRIES_MAX
from unbroken.testing.holders import Holder, entry, item, numbered, payloads

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
    b'{"item":{"id":"\xc3\x28"}}',
    b'{"item":{"id":"x","created_at":' + b"9" * 400 + b"}}",
    b'{"item":{"id":"x","created_at":NaN}}',
    b'{"ids":["\xff"]}',
    b'{"reason":"\xff"}',
    b'{"identity":"\xff","participant_kind":"\xff"}',
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
async def test_any_bytes_are_kept_under_any_kind(store, archive, kind):
    holder = Holder(archive)
    taken = await holder.take()
    sent = [entry(payload, kind=kind) for payload in HOSTILE]
    assert (await holder.append(1, *sent)).seq == len(HOSTILE)
    log = await store.archive.entries(taken.session_id)
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
        (WireEntry("note", 1, 1 << 64, b""), "bad_number"),
        (WireEntry("note", 1, -1, b""), "bad_number"),
    ],
)
async def test_what_no_column_holds_is_refused(archive, bad, code):
    holder = Holder(archive)
    await holder.take()
    answer = await holder.append(1, entry(), bad)
    assert (answer.outcome, answer.code) == ("refused", code)
    assert (await holder.append(1, entry())).seq == 1


@pytest.mark.parametrize(
    ("at_us", "kept"),
    [(-(1 << 63), 0), (-1, 0), (1 << 63, NUMBER_MAX), ((1 << 64) - 1, NUMBER_MAX)],
)
async def test_a_time_that_no_column_holds_is_kept_as_the_nearest(
    store, conversations, at_us, kept
):
    holder = Holder(store.archive)
    taken = await holder.take()
    said = msgspec.structs.replace(item("a", "hello", after=None), at_us=at_us)
    mark = WireMark(2, at_us, b"half")
    answer = await holder.append(1, entry(at_us=at_us), said, mark=mark)
    assert (answer.outcome, answer.seq) == ("acked", 2)
    assert [e.at_us for e in await store.archive.entries(taken.session_id)] == [kept, kept]
    (message,) = await conversations.list_messages(taken.conversation_id, limit=9)
    assert (message.content, message.at_us) == ("hello", kept)


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


class Hostile:
    """Payloads that nobody should write: well-formed, damaged and absurd ones, from a seed."""

    TEXTS = (
        "",
        "a",
        "\0",
        "\ud800",
        "x" * 300,
        "user",
        "assistant",
        "message",
        "function_call",
        "é",
    )
    NUMBERS = (0, -1, 1 << 62, -(1 << 62), 1 << 70, 10**400, 1.5, -1e300, 1e300, float("nan"))
    KEYS = (
        "id", "type", "role", "content", "created_at", "item", "after", "agent", "from", "heard_ms",
        "metrics", "interrupted", "name", "arguments", "output", "identity", "participant_kind",
        "metadata", "attributes", "ids", "reason", "keep", "then", "cause", "gap_ms", "report",
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def payload(self) -> bytes:
        said = json.dumps(self._object(), allow_nan=True).encode()
        match self._random.randrange(8):
            case 0:
                return said[: self._random.randrange(len(said))]
            case 1:
                at = self._random.randrange(len(said))
                return said[:at] + self._random.randbytes(2) + said[at:]
            case 2:
                return said[:-1] + b"," + said[1:]  # each key twice
            case _:
                return said

    def _object(self) -> dict[str, Any]:
        about = {key: self._value(0) for key in self._random.sample(self.KEYS, 5)}
        if self._random.random() < 0.6:
            about["item"] = {"id": self._text(), "role": self._value(3), "type": self._value(3)}
            about["item"] |= {key: self._value(2) for key in self._random.sample(self.KEYS, 3)}
        return about

    def _text(self) -> str:
        return self._random.choice(self.TEXTS)

    def _value(self, depth: int) -> Any:
        kind = self._random.randrange(6)
        if kind < 2 or depth > 3:
            return self._text()
        if kind < 4:
            return self._random.choice((*self.NUMBERS, True, None))
        if kind == 4:
            return [self._value(depth + 1) for _ in range(self._random.randrange(3))]
        return {self._random.choice(self.KEYS): self._value(depth + 1) for _ in range(3)}


@pytest.mark.parametrize("kind", [*entries.KINDS, "of_a_newer_version"])
async def test_no_payload_of_any_kind_concerns_another_session(store, archive, conversations, kind):
    bad, good = Holder(archive), Holder(archive)
    taken, _ = await bad.take("bad"), await good.take("good")
    hostile = Hostile(kind.encode()[0])
    sent = [hostile.payload() for _ in range(2_000)]
    for first in range(1, 2_001, 500):
        part = [entry(payload, kind=kind) for payload in sent[first - 1 : first + 499]]
        answers = await good.send(bad.batch(first, *part), good.batch(first // 500 + 1, entry()))
        assert {a.outcome for a in answers} <= {"acked", "ended"}
        assert answers[1].outcome == "acked"
    log = await store.archive.entries(taken.session_id)
    assert [e.payload for e in log] == sent[: len(log)]
    assert len(log) in {500, 2_000}  # an `ended` among them ends it
    fold((e.kind, e.payload) for e in log)
    shown = {"limit": 5_000, "spoken_only": False}
    await conversations.list_messages(taken.conversation_id, **shown)
    await store.conversations.list_items(taken.conversation_id, limit=5_000)
    await store.sessions.list_terms(taken.session_id)


FAULT = """
create trigger fault before insert on {table} when cast(new.{column} as text) like '%poison%'
begin select raise(abort, 'poison'); end
"""


async def fault(store, table: str, column: str) -> None:
    """From now on this table takes no row with `poison` in it."""
    await store._database.write(
        lambda tx: tx._connection.execute(FAULT.format(table=table, column=column))
    )


async def test_what_cannot_be_shown_is_in_the_log_all_the_same(store, archive, conversations):
    await fault(store, "messages", "text")
    holders = [Holder(archive) for _ in range(9)]
    taken = [await holder.take(f"room {n}") for n, holder in enumerate(holders)]
    batches = [
        holder.batch(1, item("a", "poison" if n == 4 else "hello", after=None), final="killed")
        for n, holder in enumerate(holders)
    ]
    answers = await holders[0].send(*batches)
    assert [(a.outcome, a.seq) for a in answers] == [("acked", 1)] * 9
    shown = [len(await conversations.list_messages(t.conversation_id, limit=9)) for t in taken]
    assert shown == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert len(await store.archive.entries(taken[4].session_id)) == 1
    assert (await Holder(archive).take("room 4")).cause == "killed"


async def test_what_even_the_log_does_not_take_is_refused_alone(store, archive):
    await fault(store, "entries", "payload")
    holders = [Holder(archive) for _ in range(7)]
    for n, holder in enumerate(holders):
        await holder.take(f"room {n}")
    batches = [
        h.batch(1, entry(b"poison" if n in (2, 6) else b"ok")) for n, h in enumerate(holders)
    ]
    for _ in range(2):
        answers = await holders[0].send(*batches)
        assert [(a.outcome, a.code) for a in answers] == [
            ("refused", "unstorable") if n in (2, 6) else ("acked", None) for n in range(7)
        ]
    assert (await holders[2].append(1, entry(b"lost"))).seq == 1


async def test_a_disk_that_takes_nothing_is_no_reason_to_refuse(store, archive):
    holder = Holder(archive)
    await holder.take()

    def fill(tx: Any) -> None:
        pages = tx._connection.execute("pragma page_count").fetchone()[0]
        tx._connection.execute(f"pragma max_page_count = {pages}")

    await store._database.write(fill)
    large = [entry(b"x" * 200_000) for _ in range(5)]
    with pytest.raises(ArchiveUnavailable):
        await holder.append(1, *large)
    await store._database.write(
        lambda tx: tx._connection.execute("pragma max_page_count = 1000000")
    )
    assert (await holder.append(1, *large)).seq == 5


async def test_a_fault_in_reading_a_payload_changes_nothing_else(archive, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(projection.entries, "decode", fail)
    holder = Holder(archive)
    await holder.take()
    assert (await holder.append(1, *numbered(1, 3))).seq == 3


async def test_the_side_lane_is_bounded(store, archive):
    owner, late = Holder(archive), Holder(archive)
    taken = await owner.take()
    late.taken = taken
    for first in range(1, SIDE_ENTRIES_MAX + 1_001, 500):
        answer = await late.append(first, *numbered(first, first + 499), term=0)
        assert answer.outcome == "fenced"
    side = await store.archive.side_entries(taken.session_id, limit=2 * SIDE_ENTRIES_MAX)
    assert len(side) == SIDE_ENTRIES_MAX
    assert side[-1].entry.seq == SIDE_ENTRIES_MAX


async def test_the_side_lane_is_bounded_in_bytes(store, archive, monkeypatch):
    """What comes when it is full is answered, and not kept: one batch at most goes over."""
    bytes_max, note = 10_000, b"x" * 3_000
    monkeypatch.setitem(appending._SIDE_BOUNDS, "side_bytes_max", bytes_max)
    owner, late = Holder(archive), Holder(archive)
    late.taken = taken = await owner.take()
    for seq in range(1, 9):
        answer = await late.append(seq, entry(note), term=0)
        assert answer.outcome == "fenced"
    side = await store.archive.side_entries(taken.session_id, limit=100)
    kept = sum(len(one.entry.payload) for one in side)
    assert bytes_max <= kept < bytes_max + len(note)
    assert [one.entry.seq for one in side] == [1, 2, 3, 4]
    assert (await owner.append(1, entry(note))).outcome == "acked"
