"""`record` takes whatever an application gives it: stored by a rule, or lost with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.conftest import new_header
from unbroken.errors import LevelUnavailable
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY, MARK, Frame
from unbroken.live.live import Live
from unbroken.log.changes import Change
from unbroken.log.entries import (
    ALTERED,
    BLOBS,
    PAYLOAD_BYTES_MAX,
    ItemPut,
    ItemsRemoved,
    Lost,
    Noted,
    OptionsChanged,
    ToolEnded,
    Usage,
    UserdataChanged,
    decode,
)
from unbroken.log.large import BLOB_BYTES_MAX, put_together, references
from unbroken.log.mark import CHARACTERS_MAX, Mark, Speech
from unbroken.log.mark import decode as decode_mark
from unbroken.log.plain import CUT, plain

pytestmark = pytest.mark.usefixtures("at_once")


class Refuses:
    """All that Python asks of a value is an error."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bool__ = __eq__ = __len__ = __iter__ = __format__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__
    __class__ = property(_refuse)  # type: ignore[assignment]


class Members(dict):
    def items(self) -> Any:
        raise RuntimeError("no")

    __iter__ = keys = values = get = __getitem__ = items


class Elements(list):
    def __iter__(self) -> Any:
        raise RuntimeError("no")


class Words(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    encode = __str__  # type: ignore[assignment]


def nested(depth: int, inner: object) -> list:
    for _ in range(depth):
        inner = [inner]
    return inner  # type: ignore[return-value]


CIRCLE: list = []
CIRCLE += [CIRCLE, CIRCLE]

HOSTILE: dict[str, object] = {
    "a whole number of 5,000 digits": 10**5000,
    "a negative one": -(10**5000),
    "an object that refuses": Refuses(),
    "as a key": {Refuses(): 1},
    "as an element": [Refuses()],
    "a dict that refuses": Members(a=1),
    "a list that refuses": Elements([1]),
    "a text that refuses": Words("a"),
    "a circle": CIRCLE,
    "deep": nested(500, 1),
    "deep beyond the stack": nested(100_000, 1),
    "deep with a large part": nested(340, "x" * 40_000),
    "a lone surrogate": {"\ud800": "\udfff"},
    "40 kB of them": "\udfff" * 40_000,
    "bytes": [b"\xff", bytearray(b"x"), memoryview(b"x")],
    "a generator": (n for n in range(3)),
    "keys of all kinds": {1: "a", None: "b", (1, 2): "c", b"k": "d", "e": "f"},
    "a large key": {"k" * 300_000: 1},
    "many short parts": ["many short parts"] * 100_000,
    "many refusing ones": [Refuses()] * 1_000,
    "a part beyond every bound": "x" * (BLOB_BYTES_MAX + 1),
    "something like a reference": {"$blob": "a" * 64, "bytes": 3},
}
KINDS = {
    "note": lambda value: Noted("x", value),
    "item": lambda value: ItemPut({"id": "i", "content": [value], "role": "user"}),
    "userdata": lambda value: UserdataChanged("T", value=value),
    "changes": lambda value: UserdataChanged("T", changes=(Change(("a",), value),)),
    "tool": lambda value: ToolEnded("c", "done", output=value),
    "options": lambda value: OptionsChanged({"o": value}),
    "usage": Usage,
}


@pytest.fixture
async def live(env, spool):
    opened = Live.open(spool, new_header(env, spool))
    yield opened
    await opened.close("left")


def frames(live: Live) -> list[Frame]:
    reader = JournalReader(live._env, live._spool.journal(live.journal.header.holder))
    found: list[Frame] = []
    while more := reader.read(is_living=True):
        found += more
    reader.close()
    return found


def entries_of(live: Live) -> list[Frame]:
    return [frame for frame in frames(live) if frame.type == ENTRY]


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_value_raises_and_each_is_stored_or_named_lost(live, name):
    value = HOSTILE[name]
    for made in KINDS.values():
        live.record(made(value))
    live.record(Noted("after"))
    found = entries_of(live)
    assert [frame.n for frame in found] == list(range(1, len(KINDS) + 2))
    for frame in found:
        json.loads(frame.payload)
        assert len(frame.payload) <= PAYLOAD_BYTES_MAX
    lost = [frame for frame in found if frame.kind == "lost"]
    assert len(lost) == live.lost
    assert await live.durable("process", upto=len(found))


@pytest.mark.parametrize("payload", [ItemsRemoved(5), Noted([1]), OptionsChanged(7), object()])
async def test_what_is_no_payload_is_lost_with_its_reason(live, payload, caplog):
    n = live.record(payload)
    (frame,) = entries_of(live)
    assert decode("lost", frame.payload).cause == "malformed"
    assert "entry lost" in caplog.text
    with pytest.raises(LevelUnavailable, match="entry 1 is lost"):
        await live.durable("process", upto=n)


async def test_an_entry_beyond_the_bound_is_lost_before_anything_is_written(live, spool):
    n = live.record(Noted("big", ["short"] * 60_000 + ["x" * 100_000]))
    (frame,) = entries_of(live)
    assert decode(frame.kind, frame.payload) == Lost("too_large", "note")
    assert not (Path(spool.folder) / "blobs").exists()
    for level in ("process", "service"):
        with pytest.raises(LevelUnavailable, match="more than 262144 bytes"):
            await live.durable(level, upto=n)


async def test_a_part_full_of_quotes_is_a_part_all_the_same(live):
    said = '"' * 200_000
    live.record(Noted("x", said))
    (frame,) = entries_of(live)
    assert (frame.kind, frame.flags) == ("note", BLOBS)


async def test_an_item_without_an_id_is_refused_where_it_is_made():
    for item in ({}, {"id": 7}, None, [1]):
        with pytest.raises(ValueError, match="needs an id"):
            ItemPut(item)
    assert ItemPut(Members(id="i")).item is not None


@pytest.mark.parametrize(
    "theirs",
    [
        {"$blob": "a" * 64, "bytes": 3},
        {"$$blob": 1, "$blob": 2, "$$$blob": {"$blob": 3}},
        [{"$blob": "b" * 64, "bytes": 1}, {"blob": 1, "$": 2, "$blob ": 3}],
    ],
)
async def test_what_people_say_is_no_reference_and_comes_back_as_it_was(live, spool, theirs):
    said = {"theirs": theirs, "large": "é" * 40_000}
    live.record(Noted("x", said))
    (frame,) = entries_of(live)
    assert frame.flags == BLOBS
    (name,) = references(frame.payload)
    parts = {name: spool.get_blob(live.journal.header.holder, name)}
    assert put_together(json.loads(frame.payload), parts.__getitem__)["data"] == said


async def test_without_a_large_part_nothing_is_escaped_and_nothing_a_reference(live):
    said = [{"$blob": "a" * 64, "bytes": 3}] * 1_000
    live.record(Noted("x", said))
    (frame,) = entries_of(live)
    assert frame.flags == 0
    assert json.loads(frame.payload)["data"] == said


async def test_the_rules_of_what_json_cannot_say(live):
    said = {
        "number": 1 << 70,
        "long": 10**5000,
        "no number": float("nan"),
        "bytes": b"\xff",
        "refuses": Refuses(),
        "set": {3, 1, 2},
        "surrogate": "a\ud800",
        "deep": nested(500, 1),
        5: "key",
    }
    live.record(Noted("x", said))
    (frame,) = entries_of(live)
    found = json.loads(frame.payload)["data"]
    assert frame.flags == ALTERED
    assert found.pop("long") == hex(10**5000)
    assert CUT in json.dumps(found.pop("deep"), ensure_ascii=False)
    assert found == {
        "number": str(1 << 70),
        "no number": None,
        "bytes": "/w==",
        "refuses": "<Refuses>",
        "set": [1, 2, 3],
        "surrogate": "a\ufffd",
        "5": "key",
    }


def test_a_circle_that_doubles_is_cut_in_bounded_time():
    assert CUT in json.dumps(plain(CIRCLE), ensure_ascii=False)


async def test_no_mark_raises(live):
    for mark in (
        Mark(Speech("a", "x\ud800", "x")),
        Mark(transcripts=("\udfff\0",)),
        Mark(Speech(Refuses(), "x")),  # type: ignore[arg-type]
        Mark(transcripts=CIRCLE),  # type: ignore[arg-type]
    ):
        live.mark(mark)
    live.record(Noted("after"))
    assert [frame.n for frame in entries_of(live)] == [1]


async def test_a_mark_that_is_too_large_keeps_its_beginning(live):
    live.mark(Mark(Speech("agent", "\0" * 300_000, "\0" * 20_000, 7), ("old" * 5_000, "new")))
    (frame,) = [frame for frame in frames(live) if frame.type == MARK]
    assert len(frame.payload) <= PAYLOAD_BYTES_MAX
    kept = decode_mark(frame.payload)
    assert len(kept.speech.generated) == CHARACTERS_MAX
    assert kept.speech.generated.startswith(kept.speech.heard)
    assert (kept.speech.heard_ms, kept.transcripts) == (7, ("new",))
