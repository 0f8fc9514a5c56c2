"""Who reads for people stands still while an agent takes its session, in either database."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store import threads
from unbroken.store.postgres import PostgresStore
from unbroken.store.sqlite import SqliteStore
from unbroken.store.threads import Precedence
from unbroken.testing.holders import Clock, Holder, item

LINES = 20


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, tmp_path):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    if request.param == "sqlite":
        opening = SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, Clock())
    else:
        opening = PostgresStore.open(request.getfixturevalue("database"), blobs, Clock())
    async with opening as store:
        yield store


@pytest.fixture
def _for_ever(monkeypatch):
    monkeypatch.setattr(threads, "PAUSES_MAX", 1_000_000)


@asynccontextmanager
async def being_taken(store):
    """What an agent waits for: under way in the block, and over behind it."""
    has_begun, may_end = threading.Event(), threading.Event()

    def work(_tx) -> None:
        has_begun.set()
        may_end.wait()

    writing = asyncio.create_task(store._database.write_at_once(work))
    try:
        await asyncio.to_thread(has_begun.wait)
        yield
    finally:
        may_end.set()
        await writing


async def said(store) -> Holder:
    holder = Holder(store.archive)
    await holder.take()
    lines = [item(f"i{n}", "x", after=f"i{n - 1}" if n else None) for n in range(LINES)]
    await holder.append(1, *lines)
    return holder


@pytest.mark.usefixtures("_for_ever")
async def test_a_page_stands_still_while_an_agent_takes_its_session(store):
    name = (await said(store)).taken.conversation_id
    async with being_taken(store):
        reads = [
            asyncio.create_task(store.conversations.list_messages(name, limit=LINES)),
            asyncio.create_task(store.conversations.list_conversations(limit=1)),
        ]
        done, _ = await asyncio.wait(reads, timeout=0.2)
        assert not done
    page, listed = await asyncio.gather(*reads)
    assert (len(page), len(listed)) == (LINES, 1)


@pytest.mark.usefixtures("_for_ever")
async def test_an_answer_that_is_made_stands_still_too(store):
    is_at_it = threading.Event()

    def made(way) -> str:
        is_at_it.set()
        way()
        return "made"

    async with being_taken(store):
        making = asyncio.create_task(store.aside(made))
        await asyncio.to_thread(is_at_it.wait)
        done, _ = await asyncio.wait([making], timeout=0.1)
        assert not done
    assert await making == "made"


async def test_what_hosts_send_keeps_no_reader_waiting(store):
    name = (await said(store)).taken.conversation_id
    has_begun, may_end = threading.Event(), threading.Event()

    def work(_tx) -> None:
        has_begun.set()
        may_end.wait()

    writing = asyncio.create_task(store._database.write(work))
    await asyncio.to_thread(has_begun.wait)
    assert len(await store.conversations.list_messages(name, limit=LINES)) == LINES
    may_end.set()
    await writing


async def test_what_an_agent_reads_stands_still_for_nothing(store):
    holder = await said(store)
    async with being_taken(store):
        rows = await store._database.read_at_once(
            lambda tx: tx.all(
                "list_entries", session_id=holder.taken.session_id, after=0, upto=99, limit=99
            )
        )
    assert len(rows) == LINES


async def test_beside_agents_without_a_pause_an_answer_is_late_and_comes(store, monkeypatch):
    monkeypatch.setattr(threads, "PAUSES_MAX", 3)
    name = (await said(store)).taken.conversation_id
    async with being_taken(store):
        assert len(await store.conversations.list_messages(name, limit=LINES)) == LINES


def test_of_several_that_go_first_the_last_one_lets_others_go_on():
    agents = Precedence()
    with agents.first():
        with agents.first():
            pass
        assert not agents._is_free.is_set()
    assert agents._is_free.is_set()
    agents.way()()
