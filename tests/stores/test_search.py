"""Conversations are found by what was said in them and who called; by nothing else."""

import sqlite3
from contextlib import asynccontextmanager

import pytest

from tests.stores.test_migrations import CONVERSATION, store_of_version
from unbroken.archive.port import WireEntry
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import Corrupt
from unbroken.log import entries
from unbroken.log.entries import ItemsRemoved, ParticipantChanged, ParticipantJoined, Payload
from unbroken.store.search import terms_of
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Clock, Holder, item


def wire(payload: Payload) -> WireEntry:
    data, flags = entries.encode(payload)
    return WireEntry(entries.KIND_OF[type(payload)], 1, flags, data)


async def said(store, room: str, *lines: str) -> Holder:
    holder = Holder(store.archive)
    await holder.take(room)
    for line in lines:
        await holder.say(line)
    return holder


async def found(store, question: str, **asked) -> list[str]:
    """The excerpts, as people read them; "" for a conversation found by its caller."""
    listed = await store.conversations.list_conversations(
        limit=50, terms=terms_of(question), **asked
    )
    lines = [c.found.excerpt if c.found else () for c in listed]
    return ["".join(piece.text for piece in line) for line in lines]


@pytest.fixture
async def talked(store):
    await said(store, "one", "I want a refund for the naïve café", "我想预订桌子")
    await said(store, "two", "hello there", "no refunds today, sorry")
    await said(store, "three", "good morning")


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        ("refund", ["no refunds today, sorry", "I want a refund for the naïve café"]),
        ("REFUND cafe", ["I want a refund for the naïve café"]),
        ("hello sorry", ["no refunds today, sorry"]),
        ("refunds hel", ["no refunds today, sorry"]),
        ("refund morning", []),
        ("预订", ["我想预订桌子"]),
        ("预桌", []),
        ("efund", []),
        ("ref sorry", []),
        ("sorry ref", ["no refunds today, sorry"]),
    ],
)
async def test_what_was_said_is_found_word_by_word(store, talked, question, lines):
    assert await found(store, question) == lines


@pytest.mark.parametrize(
    "question",
    ['"', 'x" OR "refund', "refund OR hello", "NEAR(refund hello)", "words:refund", "*", "^hello x",
     "\ufffd", "'; drop table messages; --", "refund" * 80],
)  # fmt: skip
async def test_a_question_is_words_and_no_language(store, talked, question):
    assert await found(store, question) == []
    assert len(await found(store, "refund")) == 2


async def test_pages_and_users_go_together_with_words(store, talked):
    first, second = await store.conversations.list_conversations(limit=9, terms=["refund"])
    at = first.last_at_us, first.id
    rest = await store.conversations.list_conversations(limit=9, terms=["refund"], before=at)
    assert [c.id for c in rest] == [second.id]
    assert await found(store, "refund", user_id="nobody") == []


async def test_a_line_that_was_changed_or_removed_is_not_found_by_what_it_was(store):
    holder = await said(store, "one", "hello", "first words")
    await holder.append(3, item("first words", "other ones", after="hello"))
    assert await found(store, "first") == []
    assert await found(store, "other") == ["other ones"]
    await holder.append(4, wire(ItemsRemoved(("first words",))))
    assert await found(store, "other") == []


async def test_a_caller_is_found_by_identity_name_and_number(store):
    holder = await said(store, "one", "hello")
    attributes = {"sip.phoneNumber": "+4917012345"}
    joined = ParticipantJoined(
        "sip_x", participant_kind="sip", name="Ann Lee", metadata="", attributes=attributes
    )
    await holder.append(2, wire(joined))
    for question in ("ann lee", "sip_x", "+49 170 123 45", "4917012"):
        assert await found(store, question) == [""]
    assert await found(store, "ann hello") == ["hello"]
    await holder.append(3, wire(ParticipantChanged("sip_x", name="Bob")))
    assert await found(store, "lee") == []
    assert await found(store, "bob") == [""]


async def test_a_title_and_a_user_are_found(store, conversations):
    holder = Holder(store.archive)
    taken = await holder.take(user_id="user-77")
    assert await found(store, "user-77") == [""]
    await conversations.rename(taken.conversation_id, "Broken oven")
    assert await found(store, "oven") == [""]
    await conversations.rename(taken.conversation_id, "Done")
    assert await found(store, "oven") == []


async def test_what_an_earlier_version_stored_is_found(tmp_path):
    store_of_version(tmp_path / "unbroken.sqlite", 4)
    async with opened(tmp_path) as store:
        assert await found(store, "three") == ["three"]
        (only,) = await store.conversations.list_conversations(limit=9, terms=["one"])
        assert only.id == CONVERSATION


async def test_a_line_that_a_disk_has_changed_is_shown_to_nobody(tmp_path):
    async with opened(tmp_path) as store:
        await said(store, "one", "pay 100 euro")
    change(tmp_path, "update messages set text = 'pay 900 euro'")
    async with opened(tmp_path) as store:
        assert await found(store, "euro") == [""]


@pytest.mark.parametrize("where", ["id = 1", "id = 10", "id > 10", "true"])
async def test_a_damaged_index_is_made_anew_and_loses_nobody_a_line(tmp_path, where):
    async with opened(tmp_path) as store:
        await said(store, "one", "the first line")
    change(tmp_path, f"update search_data set block = x'ffffffffffff' where {where}")
    async with opened(tmp_path) as store:
        await said(store, "two", "the second line")
        assert len(await found(store, "line")) == 2
        assert await found(store, "second") == ["the second line"]


async def test_a_damaged_row_makes_nobody_wait_for_a_new_index(tmp_path, caplog):
    async with opened(tmp_path) as store:
        await said(store, "one", "the first line")
    change(tmp_path, "update conversations set conversation_id = x'00'")
    async with opened(tmp_path) as store:
        change(tmp_path, "update searched set conversation_id = x'00'")
        with pytest.raises(Corrupt):
            await found(store, "line")
    assert "made anew" not in caplog.text


async def test_a_line_that_stands_where_it_was_not_said_is_shown_to_nobody(tmp_path):
    async with opened(tmp_path) as store:
        await said(store, "one", "the first line")
    change(tmp_path, "update messages set heard_at = heard_at + 1")
    async with opened(tmp_path) as store:
        assert await found(store, "line") == [""]


@asynccontextmanager
async def opened(folder):
    blobs = ObjectBlobs.in_folder(folder / "blobs")
    async with SqliteStore.open(folder / "unbroken.sqlite", blobs, Clock()) as store:
        yield store


def change(folder, statement: str) -> None:
    with sqlite3.connect(folder / "unbroken.sqlite") as db:
        db.execute(statement)
    db.close()
