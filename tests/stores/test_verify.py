"""What is not as it was stored is named, row by row."""

import hashlib
import json
import sqlite3

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.cli.conftest import said as command
from tests.stores.test_corruption import LINES, change, opened
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, Corrupt, SettingsInvalid
from unbroken.log import large
from unbroken.log.entries import BLOBS
from unbroken.service.verification import sample, verify_all
from unbroken.store.records import Finding
from unbroken.store.sqlite import SqliteStore
from unbroken.store.verifying import FINDINGS_MAX
from unbroken.testing.holders import ENV, Clock, Holder, entry, item


@pytest.fixture
async def said(tmp_path):
    """A session with LINES, and one more that came late, in a closed store."""
    async with opened(tmp_path) as store:
        holder, second = Holder(store.archive), Holder(store.archive)
        taken = await holder.take()
        for line in LINES:
            await holder.say(line)
        await holder.append(len(LINES) + 1, final="crashed")
        await second.take()
        await holder.append(len(LINES) + 1, entry())
    return taken


async def findings(tmp_path, said):
    async with opened(tmp_path) as store:
        found = await store.sessions.verify(said.session_id)
    assert found.is_whole == (not found.findings)
    return [msgspec.structs.astuple(one) for one in found.findings]


async def test_what_is_whole_is_said_to_be_whole(tmp_path, said):
    async with opened(tmp_path) as store:
        found = await store.sessions.verify(said.session_id)
    assert found.is_whole
    assert (found.entries, found.messages, found.side_entries, found.blobs) == (3, 3, 1, 0)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("update entries set payload = x'7b7d' where seq = 2", ("entries", "2", "changed")),
        ("update entries set at = at + 1 where seq = 2", ("entries", "2", "changed")),
        ("delete from entries where seq = 2", ("entries", "2", "missing")),
        ("delete from entries where seq = 3", ("entries", "3", "missing")),
        ("update messages set text = 'x' where seq = 1", ("messages", LINES[0], "changed")),
        ("update messages set place = x'00' where seq = 2", ("messages", LINES[1], "changed")),
        ("delete from messages where seq = 1", ("messages", LINES[0], "missing")),
        ("update sessions set chain = zeroblob(32)", ("sessions", "chain", "changed")),
        ("update sessions set last_seq = 2", ("entries", "3", "added")),
        ("update sessions set last_seq = 4", ("entries", "4", "missing")),
    ],
)
async def test_a_row_that_is_not_as_it_was_stored_is_named(tmp_path, said, statement, wrong):
    change(tmp_path, statement)
    assert wrong in await findings(tmp_path, said)


async def test_an_entry_that_is_too_much_is_named(tmp_path, said):
    change(
        tmp_path,
        "insert into entries (session_id, seq, tenant, term, kind, flags, at, payload, sha256)"
        " select session_id, 9, tenant, term, kind, flags, at, payload, sha256 from entries"
        " where seq = 1",
    )
    assert await findings(tmp_path, said) == [("entries", "9", "added")]


async def test_a_line_that_nobody_said_is_named(tmp_path, said):
    async with opened(tmp_path) as store:
        other = Holder(store.archive)
        taken = await other.take("other")
        await other.append(1, item("never said", "never said", after=None))
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as db:
        moved = (said.session_id.bytes, taken.session_id.bytes)
        db.execute("update messages set session_id = ? where session_id = ?", moved)
    db.close()
    assert ("messages", "never said", "added") in await findings(tmp_path, said)


async def test_a_side_entry_that_was_changed_is_named(tmp_path, said):
    change(tmp_path, "update side_entries set payload = x'5b5d'")
    ((table, row, what),) = await findings(tmp_path, said)
    assert (table, what) == ("side_entries", "changed")
    assert row.startswith("1/")
    assert row.endswith(f"/{len(LINES) + 1}")


async def test_a_row_changed_with_all_its_sums_is_told_by_chain_and_line(tmp_path, said):
    """As somebody would who knows how sums are made."""
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as db:
        (payload,) = db.execute("select payload from entries where seq = 1").fetchone()
        forged = payload.replace(b'["pay 100', b'["pay 900')
        values = (forged, hashlib.sha256(forged).digest())
        db.execute("update entries set payload = ?, sha256 = ? where seq = 1", values)
    db.close()
    found = await findings(tmp_path, said)
    assert found == [("sessions", "chain", "changed"), ("messages", LINES[0], "changed")]


async def test_a_number_that_was_changed_costs_no_memory(tmp_path, said):
    change(tmp_path, f"update sessions set last_seq = {1 << 60}")
    async with opened(tmp_path) as store:
        found = await store.sessions.verify(said.session_id)
    assert found.count == (1 << 60) - len(LINES)
    assert len(found.findings) == FINDINGS_MAX


async def test_large_parts_are_compared_too(tmp_path):
    content = "long " * 20_000
    payload, parts = large.divide(msgspec.json.encode({"name": "n", "data": content}))
    ((name, part),) = parts.items()
    async with opened(tmp_path) as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        large_entry = msgspec.structs.replace(entry(), payload=payload, flags=BLOBS)
        await holder.append(1, large_entry)
        assert await wrong_parts(store, taken) == (Finding("blobs", name, "missing"),)
        await store.archive.put_blob(bytes.fromhex(name), part)
        assert await wrong_parts(store, taken) == ()
        (tmp_path / "blobs" / name[:2] / name).write_bytes(b"x")
        assert await wrong_parts(store, taken) == (Finding("blobs", name, "changed"),)


async def wrong_parts(store, taken):
    found = await store.sessions.verify(taken.session_id)
    assert found.blobs == 1
    return found.findings


async def test_a_store_is_read_while_another_writes_it(tmp_path, said):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with (
        opened(tmp_path) as store,
        SqliteStore.read(tmp_path / "unbroken.sqlite", blobs, Clock()) as beside,
    ):
        assert (await beside.sessions.verify(said.session_id)).entries == len(LINES)
        await Holder(store.archive).take("other")
        assert [n async for n in verify_all(beside)][-1].session_id == said.session_id


async def test_a_store_of_another_version_is_not_read(tmp_path, said):
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as db:
        db.execute("pragma user_version = 3")
    db.close()
    with pytest.raises(SettingsInvalid, match="another version"):
        async with SqliteStore.read(tmp_path / "unbroken.sqlite", None, Clock()):
            pass


async def test_a_start_says_which_of_the_newest_sessions_is_damaged(tmp_path, said):
    async with opened(tmp_path) as store:
        with capture_logs() as logs:
            await sample(store)
        assert logs == []
    change(tmp_path, "delete from entries where seq = 2")
    async with opened(tmp_path) as store:
        with capture_logs() as logs:
            await sample(store)
    assert [(one["event"], one["wrong"]) for one in logs] == [
        ("store is damaged", ["entries 2 missing"])
    ]


class Silent:
    """The sessions of a database that answers for none of them, or not at all."""

    def __init__(self, error, *, lists):
        self.sessions, self._error, self._lists = self, error, lists

    async def newest(self, *, limit):
        if not self._lists:
            raise self._error
        return [(ENV.new_id(), 1), (ENV.new_id(), 1)]

    async def verify(self, session_id):
        raise self._error


@pytest.mark.parametrize("error", [ArchiveUnavailable("away"), Corrupt("damaged")])
@pytest.mark.parametrize(("lists", "said_n"), [(True, 2), (False, 1)])
async def test_a_sample_that_cannot_be_taken_stops_no_start(error, lists, said_n):
    with capture_logs() as logs:
        await sample(Silent(error, lists=lists))
    assert [one["error"] for one in logs] == [str(error)] * said_n


def test_the_command_names_what_is_wrong(tmp_path, said):
    environ = {"UNBROKEN_DATA": str(tmp_path)}
    code, told = command("verify", environ=environ)
    assert (code, told) == (0, "1 sessions with 3 entries: all as they were stored.\n")
    change(tmp_path, "delete from entries where seq = 2")
    code, told = command("verify", str(said.session_id), environ=environ)
    assert code == 1
    assert f"session {said.session_id}: entries 2 missing\n" in told
    code, told = command("verify", "--json", environ=environ)
    assert (code, json.loads(told)["findings"][0]["row"]) == (1, "2")


def test_the_command_refuses_what_it_cannot_read(tmp_path):
    environ = {"UNBROKEN_DATA": str(tmp_path)}
    code, told = command("verify", environ=environ)
    assert (code, told.count("\n")) == (2, 1)
    assert "Traceback" not in told
    assert not (tmp_path / "unbroken.sqlite").exists()
