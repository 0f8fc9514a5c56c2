"""What was saved over REST is written by the service alone."""

import sqlite3
from uuid import UUID

import pytest

from tests.stores.test_migrations import store_of_version
from unbroken.archive.port import Batch
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import InvalidInput
from unbroken.store.records import SavedTurn
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Clock, Holder, entry


def turn(key: str) -> SavedTurn:
    about = {"room_name": "room", "identity": None, "metadata": {}}
    return SavedTurn(user_message=f"said {key}", assistant_message=None, key=key, **about)


async def saved_session(store):
    place = await store.rooms.save_turn(turn("a"))
    (call,) = await store.conversations.list_calls(place.conversation_id)
    (session,) = call.sessions
    return place.conversation_id, session


async def contents(store, conversation_id):
    found = await store.conversations.list_messages(conversation_id, limit=9)
    return [message.content for message in found]


async def test_who_knows_the_stores_public_id_writes_nothing(store, archive):
    conversation_id, session = await saved_session(store)
    forger = Holder(archive, host_id=UUID(store.archive.identity.system_id))
    forger.id = UUID(store.archive.identity.system_id)
    ended = entry(b'{"reason":"forged"}', kind="ended")
    said = (forger.line("forged"), ended)
    about = {"session_id": session.id, "term": session.term}
    batch = Batch(**about, holder=forger.id, first=2, entries=said)
    (answer,) = await forger.send(batch)
    assert answer.outcome == "unknown"
    assert await contents(store, conversation_id) == ["said a"]
    assert (await store.rooms.save_turn(turn("b"))).conversation_id == conversation_id


async def test_the_services_own_id_is_refused_on_the_wire(store, archive):
    _, session = await saved_session(store)
    own = store._database.own_holder
    forger = Holder(archive)
    forger.id = own
    with pytest.raises(InvalidInput):
        await forger.send(forger.batch_of(session.id, session.term, final="crashed"))
    with pytest.raises(InvalidInput):
        await forger.take()
    with pytest.raises(InvalidInput):
        await Holder(archive, host_id=own).take()
    assert own.hex not in str(store.archive.identity)


async def test_nobody_else_takes_what_the_service_holds(store, archive, clock):
    _, session = await saved_session(store)
    clock.advance(100)
    for asked in ({"role": "saved"}, {"role": "agent", "session_id": session.id}):
        with pytest.raises(InvalidInput):
            await Holder(archive).take(**asked)
    found = await store.conversations.get_session(session.id)
    assert (found.term, found.phase) == (1, "live")


async def test_what_an_earlier_version_held_is_held_on(tmp_path):
    path, public, session = tmp_path / "unbroken.sqlite", UUID(int=5), UUID(int=6)
    store_of_version(path, 6)
    with sqlite3.connect(path) as db:
        db.execute("insert into store values (1, ?, 0)", (str(public),))
        db.execute(
            "insert into sessions (session_id, tenant, call_id, role, term, holder, host_id,"
            " opened_at) values (?, 1, ?, 'saved', 1, ?, ?, 0)",
            (session.bytes, session.bytes, public.bytes, public.bytes),
        )
        db.execute(
            "insert into terms (session_id, term, tenant, holder, host_id, first_seq, taken_at)"
            " values (?, 1, 1, ?, ?, 1, 0)",
            (session.bytes, public.bytes, public.bytes),
        )
    db.close()
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(path, blobs, Clock()) as store:
        own = store._database.own_holder.bytes
        assert store.archive.identity.system_id == str(public)
        assert own != public.bytes
        held = await store._database.read(lambda tx: tx.one("term_of_holder", holder=own))
        assert held["session_id"] == session
