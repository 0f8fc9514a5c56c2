"""What a disk has changed in the log of a PostgreSQL is not given out as what was said either.

The rows that are made of the log have no sums of ours here: the server's own pages have.
"""

import logging
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest

from tests.stores.test_corruption import LINES, take
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store.postgres import PostgresStore
from unbroken.testing.holders import Clock, Holder

ENTRY = (
    "update entries set payload = convert_to("
    "replace(convert_from(payload, 'UTF8'), '100', '900'), 'UTF8') where seq = 1"
)
NOTHING = r"decode(repeat('00', 32), 'hex')"


@pytest.fixture
def opened(tmp_path, database):
    """Opens a store over the same database, again and again."""

    @asynccontextmanager
    async def open_():
        blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
        async with PostgresStore.open(database, blobs, Clock()) as store:
            yield store

    return open_


@pytest.fixture
async def said(opened):
    """A session with LINES that lost its holder, in a closed store."""
    async with opened() as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        for line in LINES:
            await holder.say(line)
        await holder.append(len(LINES) + 1, final="crashed")
    return taken


def change(url, statement):
    with psycopg.connect(url) as db:
        assert db.execute(statement).rowcount > 0, statement


async def test_a_changed_entry_is_named_and_the_rest_goes_on(opened, database, said, caplog):
    change(database, ENTRY)
    async with opened() as store:
        entries = await store.archive.entries(said.session_id)
        with caplog.at_level(logging.ERROR):
            taken = await take(store)
        assert "corrupt" in caplog.text
        for found in (entries, taken.entries):
            assert [e.kind for e in found] == ["lost", "item", "item"]
            assert msgspec.json.decode(found[0].payload) == {"cause": "corrupt", "kind": "item"}
            assert b"gladly" in found[1].payload


@pytest.mark.parametrize(
    "statement",
    [
        "update entries set kind = 'itel' where seq = 2",
        "update entries set at = at + 1024 where seq = 2",
        "update entries set flags = 4 where seq = 2",
        f"update entries set sha256 = {NOTHING} where seq = 2",
        "update entries set seq = 66 where seq = 2",
        "delete from entries where seq = 2",
    ],
)
async def test_a_taker_is_told_which_entry_is_not_what_was_stored(
    opened, database, said, statement, caplog
):
    change(database, statement)
    async with opened() as store:
        taken = await take(store)
        assert [e.kind for e in taken.entries] == ["item", "lost", "item"]
        assert [e.seq for e in taken.entries] == [1, 2, 3]
        assert "corrupt" in caplog.text


async def test_a_log_that_is_another_is_told_by_its_chain(opened, database, said, caplog):
    change(database, f"update sessions set chain = {NOTHING}")
    async with opened() as store:
        assert [e.kind for e in (await take(store)).entries] == ["item"] * 3
        assert "corrupt" in caplog.text


async def test_what_is_whole_is_not_complained_of(opened, said, caplog):
    async with opened() as store:
        assert [e.kind for e in (await take(store)).entries] == ["item"] * 3
        assert "corrupt" not in caplog.text
