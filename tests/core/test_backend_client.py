"""A client's saves go to the journal of its room, in the spool of its own service."""

import asyncio

import msgspec
import pytest

from tests.core.conftest import new_header
from tests.core.told import Told
from unbroken import BackendClient, backend_client
from unbroken.archive.destination import Destination
from unbroken.journal import JournalReader
from unbroken.journal.ack import ENDED
from unbroken.journal.frames import ENTRY
from unbroken.live.live import Live, by_room
from unbroken.log.entries import USER, ItemPut

URL = "http://127.0.0.1:9"
TENANT = {"token": "another"}


@pytest.fixture
def env(tmp_path):
    return Told(tmp_path / "spool", UNBROKEN_ARCHIVE=URL)


@pytest.fixture
async def made(env):
    clients = []

    def make(*settings, **given):
        clients.append(BackendClient(*settings, env=env, **given))
        return clients[-1]

    yield make
    for one in clients:
        await one.cleanup()


@pytest.fixture
async def calls(env):
    opened = []

    def open_(room, url=None):
        spool = Destination.of(env, url).spool()
        opened.append(Live.open(spool, new_header(env, spool, room=room)))
        return opened[-1]

    yield open_
    for live in opened:
        await live.close("left")


def lines(live):
    return [item["content"][0] for item in live.session.history]


def journals(env, url=None):
    """Rooms and lines of the journals in the spool of `url`."""
    spool, found = Destination.of(env, url).spool(), {}
    for holder in spool.holders():
        reader = JournalReader(env, spool.journal(holder))
        entries = [f for f in reader.read(is_living=True) if f.type == ENTRY and f.kind == "item"]
        said = [msgspec.json.decode(f.payload, type=ItemPut).item["content"][0] for f in entries]
        found.setdefault(reader.header.room, []).extend(said)
        reader.close()
    return found


async def test_saves_reach_the_service_that_the_client_was_told(made, env):
    made("http://127.0.0.1:10").save_conversation_turn("told", "ann", "there")
    made().save_conversation_turn("usual", "ann", "here")
    made(**TENANT).save_conversation_turn("tenant", "ann", "mine")
    assert journals(env, "http://127.0.0.1:10") == {"told": ["there"]}
    assert journals(env) == {"usual": ["here"]}
    spool = Destination.of(env, key="another").spool()
    assert (spool.archive, spool.key) == (URL, "another")
    assert len(spool.holders()) == 1


async def test_a_token_is_sent_with_requests(made):
    assert made(**TENANT)._http.headers["authorization"] == "Bearer another"


async def test_a_call_of_another_service_is_not_the_clients(made, calls):
    call = calls("shared", "http://127.0.0.1:10")
    made().save_conversation_turn("shared", "ann", "here")
    made("http://127.0.0.1:10").save_conversation_turn("shared", "ann", "there")
    assert lines(call) == ["there"]


async def test_a_call_that_opens_later_gets_the_saves_and_the_first_journal_is_kept(made, calls):
    one = made()
    one.save_conversation_turn("r", "ann", "before")
    first = by_room.get("r")
    call = calls("r")
    one.save_conversation_turn("r", "ann", "in the call")
    await call.close("left")
    one.save_conversation_turn("r", "ann", "behind it")
    assert by_room.get("r") is first
    assert lines(call) == ["in the call"]
    assert lines(first) == ["before", "behind it"]


async def test_clients_of_one_process_share_a_room(made):
    one, other = made(), made()
    one.save_conversation_turn("r", "ann", "one")
    other.save_conversation_turn("r", "ann", "two")
    assert lines(by_room.get("r")) == ["one", "two"]


async def test_a_client_holds_no_journal_that_is_over(made, env, monkeypatch):
    monkeypatch.setattr(backend_client, "OWN_MAX", 3)
    one = made()
    for n in range(10):
        one.save_conversation_turn(f"r{n}", "ann", "hi")
    one.save_conversation_turn("r7", "ann", "used again")
    one.save_conversation_turn("r10", "ann", "hi")
    assert list(one._own) == ["r9", "r7", "r10"]
    ended = one._own["r7"]
    ended.ack.flag(ENDED)  # the service has ended that session
    one.save_conversation_turn("r7", "ann", "the next call")
    assert one._own["r7"] is not ended
    await asyncio.gather(*one._closing)
    spool = Destination.of(env).spool()
    assert sum(env.is_locked(spool.lock(holder)) for holder in spool.holders()) == 3
    assert len(one._tending) == 3
    await one.cleanup()
    assert [h for h in spool.holders() if env.is_locked(spool.lock(h))] == []
    assert one._tending == {}


async def test_reads_need_no_spool(tmp_path):
    (tmp_path / "file").touch()
    one = BackendClient(URL, env=Told(tmp_path / "file" / "spool"))
    with pytest.raises(Exception, match="ConnectError"):
        await one.get_recent_messages("c")
    await one.cleanup()


async def test_a_saved_turn_says_who_spoke(made, calls):
    live = calls("r")
    one = made()
    one.save_conversation_turn("r", "ann", "hello", "hi")
    one.save_conversation_turn("r", "ann", "and you?")
    placed = [live.session.placed[i].from_ for i in live.session.order]
    assert placed == ["ann", None, "ann"]
    assert live.session.notes[USER] == "ann"
    assert live.journal.appended == 4


async def test_who_spoke_is_added_to_what_livekit_reported(made, calls):
    live = calls("r")
    item = {"id": "u", "type": "message", "role": "user", "content": ["hello"]}
    live.report("livekit", item, after=None)
    made().save_conversation_turn("r", "ann", "Hello!")
    assert live.session.order == ["u"]
    assert live.session.placed["u"].from_ == "ann"
