"""What a disk has changed is not given out as what was said."""

import logging
import sqlite3
from contextlib import asynccontextmanager

import msgspec
import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import Corrupt, SettingsInvalid
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Clock, Holder, entry

LINES = ["pay 100 euro", "gladly", "thank you"]


@pytest.fixture
async def said(tmp_path):
    """A session with LINES that lost its holder, in a closed store."""
    async with opened(tmp_path) as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        for line in LINES:
            await holder.say(line)
        await holder.append(len(LINES) + 1, final="crashed")
    return taken


@asynccontextmanager
async def opened(folder):
    blobs = ObjectBlobs.in_folder(folder / "blobs")
    async with SqliteStore.open(folder / "unbroken.sqlite", blobs, Clock()) as store:
        yield store


def change(folder, *statements):
    with sqlite3.connect(folder / "unbroken.sqlite") as db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0, statement
    db.close()


ENTRY = (
    "update entries set payload = replace(cast(payload as text), '100', '900') || x'' where seq = 1"
)
ROW = "update messages set text = replace(text, '100', '900') where text like 'pay%'"
TITLE = "update conversations set title = replace(title, '100', '900')"
ENTRY = (
    "update entries set payload = cast(replace(cast(payload as text), '100', '900') as blob)"
    " where seq = 1"
)


async def take(store):
    return await Holder(store.archive).take()


async def test_a_changed_entry_is_named_and_the_rest_goes_on(tmp_path, said, caplog):
    change(tmp_path, ENTRY, ROW, TITLE)
    async with opened(tmp_path) as store:
        entries = await store.archive.entries(said.session_id)
        with caplog.at_level(logging.ERROR):
            taken = await take(store)
        assert "corrupt" in caplog.text
        for found in (entries, taken.entries):
            assert [e.kind for e in found] == ["lost", "item", "item"]
            assert msgspec.json.decode(found[0].payload) == {"cause": "corrupt", "kind": "item"}
            assert b"gladly" in found[1].payload
        (conversation,) = await store.conversations.list_conversations(limit=9)
        assert (conversation.title, conversation.last_message) == (None, "thank you")
        messages = await store.conversations.list_messages(said.conversation_id, limit=9)
        assert [m.content for m in messages] == ["", *LINES[1:]]
        assert [m.is_corrupt for m in messages] == [True, False, False]


@pytest.mark.parametrize(
    "statement",
    [
        ROW,
        "update messages set role = 'assistant', speaker = 'bob' where text like 'pay%'",
        "update messages set item_id = 'x', heard_ms = 5, interrupted = 1 where text like 'pay%'",
        "update messages set metrics = '{' where text like 'pay%'",
        "update messages set head = head + 1 where text like 'pay%'",
    ],
)
async def test_a_changed_row_is_read_from_the_log(tmp_path, said, statement):
    async with opened(tmp_path) as store:
        before = await store.conversations.list_messages(said.conversation_id, limit=9)
    change(tmp_path, statement)
    async with opened(tmp_path) as store:
        after = await store.conversations.list_messages(
            said.conversation_id, limit=9, spoken_only=False
        )
        shown = [msgspec.structs.replace(m, turn_id=None) for m in after]
        assert shown == [msgspec.structs.replace(m, turn_id=None) for m in before]
        messages = await store.conversations.list_messages(said.conversation_id, limit=9)
        assert [(m.content, m.is_corrupt) for m in messages] == [(line, False) for line in LINES]


@pytest.mark.parametrize(
    "statement",
    [
        "update entries set kind = 'itel' where seq = 2",
        "update entries set at = at + 1024 where seq = 2",
        "update entries set flags = 4 where seq = 2",
        "update entries set sha256 = zeroblob(32) where seq = 2",
        "update entries set seq = 66 where seq = 2",
        "delete from entries where seq = 2",
    ],
)
async def test_a_taker_is_told_which_entry_is_not_what_was_stored(
    tmp_path, said, statement, caplog
):
    change(tmp_path, statement)
    async with opened(tmp_path) as store:
        taken = await take(store)
        assert [e.kind for e in taken.entries] == ["item", "lost", "item"]
        assert [e.seq for e in taken.entries] == [1, 2, 3]
        assert "corrupt" in caplog.text


async def test_a_log_that_is_another_is_told_by_its_chain(tmp_path, said, caplog):
    change(tmp_path, "update sessions set chain = zeroblob(32)")
    async with opened(tmp_path) as store:
        assert [e.kind for e in (await take(store)).entries] == ["item"] * 3
        assert "corrupt" in caplog.text


async def test_what_is_whole_is_not_complained_of(tmp_path, said, caplog):
    async with opened(tmp_path) as store:
        holder = Holder(store.archive)
        await holder.take()
        await holder.append(4, entry(), final="crashed")
        assert [e.kind for e in (await take(store)).entries] == ["item"] * 3 + ["note"]
        assert "corrupt" not in caplog.text


async def test_text_that_is_no_text_any_more_is_shown(tmp_path, said):
    change(tmp_path, "update conversations set title = cast(x'ff41' as text), title_sum = null")
    async with opened(tmp_path) as store:
        (conversation,) = await store.conversations.list_conversations(limit=9)
        assert conversation.title == "\N{REPLACEMENT CHARACTER}A"


@pytest.mark.parametrize("content", [b"x" * 5_000, b"\0" * 4_096])
async def test_a_file_that_is_no_database_is_one_sentence(tmp_path, content):
    (tmp_path / "unbroken.sqlite").write_bytes(content)
    with pytest.raises(SettingsInvalid, match=r"unbroken\.sqlite cannot be used: .*not a database"):
        async with opened(tmp_path):
            pass


async def test_a_damaged_page_is_corrupt_and_not_an_outage(tmp_path, said):
    path = tmp_path / "unbroken.sqlite"
    with sqlite3.connect(path) as db:
        (page,) = db.execute("select rootpage from sqlite_schema where name = 'entries'").fetchone()
        (size,) = db.execute("pragma page_size").fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)
    async with opened(tmp_path) as store:
        with pytest.raises(Corrupt):
            await store.archive.entries(said.session_id)
        assert (await store.conversations.get_session(said.session_id)).last_seq == len(LINES)
