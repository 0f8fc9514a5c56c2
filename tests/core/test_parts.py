"""After a failed fsync the file is never believed again: the journal goes on in the next one."""

import asyncio
import errno
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from unbroken.errors import LevelUnavailable
from unbroken.journal import Journal, JournalReader, writer
from unbroken.journal.frames import ENTRY, Frame
from unbroken.journal.spool import PARTS_MAX, Spool
from unbroken.live.live import Live
from unbroken.log.entries import Noted

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def host() -> FaultyHost:
    return FaultyHost()


@pytest.fixture
def spool(host, tmp_path) -> Spool:
    return Spool.open(host, str(tmp_path / "spool"))


@pytest.fixture(params=["here", "in the thread"])
async def journal(request, spool, host):
    made = Journal.create(spool, new_header(host, spool))
    if request.param == "in the thread":
        made._speed.slow_down()
    yield made
    made.close("left")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def entries_of(spool: Spool, journal: Journal, part: int) -> list[Frame]:
    reader = JournalReader(spool.env, spool.journal(journal.header.holder, part))
    frames = reader.read(is_living=True)
    assert reader.header == journal.header
    reader.close()
    return [frame for frame in frames if frame.type == ENTRY]


async def synced(journal: Journal, n: int) -> None:
    journal.sync()
    await until(lambda: journal.synced >= n)


def asked(journal: Journal) -> int:
    """What is synced; a sync that failed has to be asked for again."""
    if journal.is_sync_refused:
        journal.sync()
    return journal.synced


async def test_what_was_not_synced_begins_the_next_file(spool, host, journal):
    journal.append("note", b"1")
    await synced(journal, 1)
    first = spool.journal(journal.header.holder)
    host.syncs_to_fail, believed = 1, host.synced.count(first)
    for number in (2, 3):
        journal.append("note", b"%d" % number)
    await synced(journal, 3)
    assert [entry.n for entry in entries_of(spool, journal, 1)] == [2, 3]
    safe = host.synced[host.synced.index(spool.journal(journal.header.holder, 1)) :]
    assert safe[1] == spool.folder
    journal.append("note", b"4")
    await synced(journal, 4)
    assert [entry.payload for entry in entries_of(spool, journal, 1)] == [b"2", b"3", b"4"]
    assert journal.degraded is None
    assert not journal.disk_failed
    assert host.synced.count(first) == believed


async def test_a_file_whose_fsync_failed_is_never_synced_again(spool, host, journal):
    host.sync_fails = True
    journal.append("note", b"1")
    journal.sync()
    await until(lambda: journal.disk_failed)
    host.sync_fails = False
    journal.append("note", b"2")
    journal.sync()
    await until(lambda: journal.written == 2)
    await asyncio.sleep(0.05)
    assert journal.synced == 0
    assert journal.degraded == "journal: fsync failed"
    holder = journal.header.holder
    assert host.failed == [spool.journal(holder, part) for part in range(PARTS_MAX)]


async def test_a_write_that_succeeds_does_not_make_a_failed_fsync_well(spool, host, journal):
    host.sync_fails = True
    journal.append("note", b"1")
    journal.sync()
    await until(lambda: journal.disk_failed)
    for number in range(2, 5):
        journal.append("note", b"%d" % number)
    await until(lambda: journal.written == 4)
    assert journal.degraded == "journal: fsync failed"


async def test_a_full_disk_costs_no_file_and_heals(spool, host, monkeypatch):
    live = Live.open(spool, new_header(host, spool))
    live.record(Noted("1"))
    host.syncs_to_fail = 1
    monkeypatch.setattr(host, "create_fails", True)
    with pytest.raises(LevelUnavailable):
        await live.durable("disk", timeout_s=20)
    assert live.journal.degraded == "journal: fsync failed"
    monkeypatch.undo()
    assert await live.durable("disk", timeout_s=20)
    assert live.journal.degraded is None
    assert [entry.n for entry in entries_of(spool, live.journal, 1)] == [1]
    await live.close("left")


async def test_a_half_written_next_file_is_not_left(spool, host):
    live = Live.open(spool, new_header(host, spool))
    for _ in range(100):
        live.record(Noted("x" * 100))
    host.syncs_to_fail = 1
    host.room_bytes = 500
    with pytest.raises(LevelUnavailable):
        await live.durable("disk", timeout_s=20)
    names = {path.name for path in Path(spool.folder).iterdir()}
    assert not any(".1.journal" in name for name in names)
    host.room_bytes = None
    assert await live.durable("disk", timeout_s=20)
    await live.close("left")


async def test_what_is_written_meanwhile_is_in_the_next_file_too(spool, host, monkeypatch):
    journal = Journal.create(spool, new_header(host, spool))
    journal.append("note", b"1")
    host.syncs_to_fail = 1
    journal.sync()
    journal.append("note", b"2")  # the loop has not yet heard of the failure
    await until(lambda: journal.synced == 1)
    await synced(journal, 2)
    assert [entry.n for entry in entries_of(spool, journal, 1)] == [1, 2]
    journal.close("left")


@pytest.mark.parametrize("is_quick", [True, False])
async def test_a_torn_frame_is_whole_in_the_next_file(spool, host, is_quick):
    """There is room again before the disk has failed, or behind that."""
    journal = Journal.create(spool, new_header(host, spool))
    journal.append("note", b"1")
    host.syncs_to_fail = 1
    host.room_bytes = 20
    journal.append("note", b"2" * 100)
    journal.sync()
    await until(lambda: journal.degraded is not None and (is_quick or journal.is_sync_refused))
    host.room_bytes = None
    await until(lambda: asked(journal) == 2)
    assert [len(entry.payload) for entry in entries_of(spool, journal, 1)] == [1, 100]
    journal.close("left")


async def test_an_interrupted_fsync_is_done_again(spool, host, monkeypatch):
    live = Live.open(spool, new_header(host, spool))
    live.record(Noted("1"))
    real, left = host.sync_folder, [2]

    def interrupted(path, *, above=False):
        left[0] -= 1
        if left[0] >= 0:
            raise InterruptedError(errno.EINTR, "Interrupted system call")
        real(path, above=above)

    monkeypatch.setattr(host, "sync_folder", interrupted)
    assert await live.durable("disk", timeout_s=20)
    assert host.failed == []
    await live.close("left")


async def test_a_call_that_never_asks_is_synced_at_the_bound(spool, host, monkeypatch):
    monkeypatch.setattr(writer, "UNSYNCED_BYTES_MAX", 10_000)
    journal = Journal.create(spool, new_header(host, spool))
    for _ in range(300):
        journal.append("note", b"x" * 100)
        await asyncio.sleep(0)
    await until(lambda: journal.synced > 0)
    await until(lambda: len(journal._unsynced) <= 10_000)
    journal.close("left")


async def test_what_was_too_much_to_keep_cannot_be_written_again(spool, host, monkeypatch):
    monkeypatch.setattr(writer, "UNSYNCED_BYTES_MAX", 1_000)
    live = Live.open(spool, new_header(host, spool))
    host.sync_fails = True
    for _ in range(100):  # the loop does not run: no sync is heard of
        live.journal.append("note", b"x" * 100)
    assert len(live.journal._unsynced) < 5_000
    with pytest.raises(LevelUnavailable):
        await live.durable("disk", timeout_s=20)
    await live.close("left")
    assert live.journal.written == 100


async def test_a_large_part_and_the_folders_are_synced_before_their_entry_counts(spool, host):
    live = Live.open(spool, new_header(host, spool))
    said = "x" * 100_000
    live.record(Noted("large", said))
    assert await live.durable("disk", timeout_s=20)
    holder, name = live.journal.header.holder, hashlib.sha256(f"{said}".encode()).hexdigest()
    blob = f"{spool.folder}/blobs/{holder}.{name}"
    journal = spool.journal(holder)
    found = host.synced[host.synced.index(blob) :]
    assert found == [blob, f"{spool.folder}/blobs", spool.folder, journal, spool.folder]
    await live.close("left")


async def test_a_large_part_whose_fsync_fails_is_written_anew(spool, host):
    live = Live.open(spool, new_header(host, spool))
    live.record(Noted("large", "x" * 100_000))
    host.syncs_to_fail = 1  # the first is the large part's
    assert await live.durable("disk", timeout_s=20)
    assert live.journal.synced == 1
    assert spool.journal(live.journal.header.holder) in host.synced
    await live.close("left")


async def test_a_large_part_that_is_gone_is_not_safe(spool, host):
    live = Live.open(spool, new_header(host, spool))
    live.record(Noted("large", "x" * 100_000))
    for path in (Path(spool.folder) / "blobs").iterdir():
        path.write_bytes(b"damaged")
    host.syncs_to_fail = 1
    with pytest.raises(LevelUnavailable):
        await live.durable("disk", timeout_s=20)
    assert live.journal.synced == 0
    await live.close("left")
