"""One file, one writer, and nothing lost by a kill."""

import asyncio
import re
import sqlite3
import subprocess
import sys
import time
from uuid import UUID

import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, SettingsInvalid
from unbroken.store.sqlite import SqliteStore
from unbroken.store.sqlite.database import SqliteDatabase, file_system
from unbroken.store.sqlite.transaction import QUERIES
from unbroken.testing.holders import Clock, Holder, numbered

ONCE = {"stage", "stage_index", "keep_index", "views"}  # at the start
WRITER = """
import asyncio, sys
from pathlib import Path
from unbroken import store as store_package
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Host
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Holder, numbered

async def main(folder):
    blobs = ObjectBlobs.in_folder(folder / "blobs")
    async with SqliteStore.open(folder / "unbroken.sqlite", blobs, Host()) as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        print(taken.session_id, flush=True)
        for n in range(1, 1_000_000):
            answer = await holder.append(n, *numbered(n, n))
            print(answer.seq, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


def open_store(folder):
    blobs = ObjectBlobs.in_folder(folder / "blobs")
    return SqliteStore.open(folder / "unbroken.sqlite", blobs, Clock())


def write_until_killed(folder) -> tuple[UUID, int]:
    """The session, and the last entry that was acked before the SIGKILL."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        session_id = UUID(writer.stdout.readline().strip())
        acked = [int(writer.stdout.readline()) for _ in range(40)]
        writer.kill()
        acked += [int(line) for line in writer.stdout.read().splitlines(keepends=True)[:-1]]
    return session_id, acked[-1]


async def test_what_was_acked_is_there_after_a_kill(tmp_path):
    session_id, acked = await asyncio.to_thread(write_until_killed, tmp_path)
    async with open_store(tmp_path) as store:
        log = await store.archive.entries(session_id)
    assert len(log) >= acked >= 40
    sent = numbered(1, len(log))
    assert [(e.seq, e.payload) for e in log] == [(n, e.payload) for n, e in enumerate(sent, 1)]


async def test_a_second_writer_is_refused(tmp_path):
    async with open_store(tmp_path):
        with pytest.raises(SettingsInvalid, match="another service already writes"):
            async with open_store(tmp_path):
                pass
    async with open_store(tmp_path) as store:
        await store.check()


async def test_a_file_of_a_newer_version_is_refused(tmp_path):
    async with open_store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(SettingsInvalid, match="newer version"):
        async with open_store(tmp_path):
            pass


async def test_nobody_else_on_the_host_can_read_it(store, archive, tmp_path):
    await Holder(archive).take()
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {f"unbroken.sqlite{end}" for end in ("", "-wal", ".lock")} <= {f.name for f in files}
    assert {path.stat().st_mode & 0o077 for path in [*files, tmp_path / "blobs"]} == {0}


async def test_a_folder_that_cannot_be_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalid, match="cannot"):
        async with open_store(tmp_path / "file"):
            pass
    with pytest.raises(SettingsInvalid, match="cannot"):
        async with SqliteDatabase.open(tmp_path / "file" / "x.sqlite", Clock()):
            pass


async def test_each_opening_of_a_store_is_a_timeline_of_its_own(tmp_path):
    found = []
    for _ in range(3):
        async with open_store(tmp_path) as store:
            found.append(store.archive.identity)
    assert len({identity.system_id for identity in found}) == 1
    assert len({identity.timeline for identity in found}) == 3


async def test_a_store_that_was_put_back_is_on_another_timeline(tmp_path):
    async with open_store(tmp_path):
        pass
    backup = (tmp_path / "unbroken.sqlite").read_bytes()
    async with open_store(tmp_path) as store:
        before = store.archive.identity
    (tmp_path / "unbroken.sqlite").write_bytes(backup)
    async with open_store(tmp_path) as store:
        assert store.archive.identity.system_id == before.system_id
        assert store.archive.identity != before


async def test_a_write_is_synced_and_logged_ahead(store):
    database = store._database
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
        assert database._writing.execute(f"pragma {pragma}").fetchone()[0] == value


async def test_a_long_read_delays_no_append(store, archive):
    holder = Holder(archive)
    await holder.take()
    reading = asyncio.create_task(store._database.read(lambda tx: time.sleep(1.0)))
    started = time.monotonic()
    await holder.append(1, *numbered(1, 1))
    assert time.monotonic() - started < 0.5
    assert not reading.done()
    await reading


async def test_a_failed_transaction_leaves_nothing(store, archive):
    def fail(tx):
        tx.one("put_store", system_id="x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store._database.write(fail)
    await Holder(archive).take()


async def test_readers_cannot_write(store):
    with pytest.raises(ArchiveUnavailable):
        await store._database.read(lambda tx: tx.one("close_room", name="x"))


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/sda1 / ext4 rw 0 0\nserver:/x /srv nfs4 rw 0 0", "nfs4"),
        ("/dev/sda1 / ext4 rw 0 0\nserver:/x /srv/data/deeper nfs4 rw 0 0", "ext4"),
        ("none / overlay rw 0 0\n//nas/x /srv/data cifs rw 0 0", "cifs"),
    ],
)
def test_the_file_system_of_a_folder_is_found(mounts, kind, tmp_path):
    folder = type(tmp_path)("/srv/data")
    assert file_system(folder, mounts) == kind


async def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    database = "unbroken.store.sqlite.database"
    monkeypatch.setattr(f"{database}.file_system", lambda folder: "nfs4")
    with pytest.raises(SettingsInvalid, match="network file system"):
        async with SqliteDatabase.open(tmp_path / "x.sqlite", Clock()):
            pass


async def test_every_query_fits_the_tables(store):
    connection = store._database._writing
    for name in QUERIES.keys() - ONCE:
        for statement in QUERIES[name]:
            numbered = re.findall(r"\?\d*", statement)
            named = dict.fromkeys(re.findall(r":(\w+)", statement))
            values = [None] * len(set(numbered) - {"?"} or numbered) if numbered else named
            connection.execute(f"explain {statement}", values)


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 200])
async def test_however_many_rows_are_put_they_are_all_there(tmp_path, count):
    rows = [(n, b"s", 1, b"h", None, None, n) for n in range(count)]
    async with SqliteDatabase.open(tmp_path / "unbroken.sqlite", Clock()) as database:

        def work(tx):
            tx.many("put_input", rows)
            found = tx._connection.execute("delete from input returning *").fetchall()
            return sorted(tuple(row) for row in found)

        assert await database.write(work) == rows
