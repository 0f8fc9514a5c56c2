"""The journal: nothing waits, nothing is torn in the middle, damage costs itself only."""

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from tests.core.files import open_files
from unbroken.errors import (
    JournalUnwritable,
    LevelUnavailable,
    SettingsInvalid,
)
from unbroken.journal import PENDING_BYTES_MAX, Journal, JournalReader, speed, writer
from unbroken.journal.frames import CLOSED, ENTRY, MARK, Frame
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log.entries import Noted

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def host() -> FaultyHost:
    return FaultyHost()


@pytest.fixture
def faulty(host, tmp_path) -> Spool:
    return Spool.open(host, str(tmp_path / "spool"))


def made(spool: Spool) -> Journal:
    return Journal.create(spool, new_header(spool.env, spool))


def read(spool: Spool, journal: Journal, *, is_living: bool = True) -> list[Frame]:
    reader = JournalReader(spool.env, spool.journal(journal.header.holder))
    frames: list[Frame] = []
    while more := reader.read(is_living=is_living):
        frames += more
    reader.close()
    return frames


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.n for frame in frames if frame.type == ENTRY]


async def test_what_is_appended_is_read_in_order(spool):
    journal = made(spool)
    for number in range(1, 101):
        assert journal.append("note", b"x" * number) == number
    journal.mark(b"in flight")
    journal.close("left")
    frames = read(spool, journal, is_living=False)
    assert numbers(frames) == list(range(1, 101))
    assert [frame.type for frame in frames[-2:]] == [MARK, CLOSED]
    assert frames[-1].kind == "left"


async def test_the_file_is_for_its_owner_only(spool):
    journal = made(spool)
    path = Path(spool.journal(journal.header.holder))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    journal.close("left")


async def test_a_short_write_and_a_full_disk_tear_nothing(faulty, host):
    journal = made(faulty)
    journal.append("note", b"a" * 100)
    host.room_bytes = 50  # half of the next frame
    journal.append("note", b"b" * 100)
    journal.append("note", b"c" * 100)
    assert journal.degraded == "journal: No space left on device"
    assert (journal.appended, journal.written) == (3, 1)
    assert numbers(read(faulty, journal)) == [1]
    host.room_bytes = None
    journal.append("note", b"d" * 100)
    assert journal.degraded is None
    assert journal.written == 4
    assert numbers(read(faulty, journal)) == [1, 2, 3, 4]
    journal.close("left")


async def test_a_disk_that_stays_full_refuses_loudly_and_bounded(faulty, host):
    live = Live.open(faulty, new_header(host, faulty))
    host.room_bytes = 0
    fill(live.journal)
    n = live.record(Noted("one more"))
    assert n == live.journal.appended
    assert live.lost == 1
    assert "No space left on device; 1 entries are lost" in live.lag.degraded
    with pytest.raises(LevelUnavailable, match=f"entry {n} is lost"):
        await live.durable("disk", upto=n)
    await live.close("left")


def fill(journal: Journal) -> None:
    """All the memory for what waits."""
    payload = b"x" * 200_000
    with pytest.raises(JournalUnwritable):
        for _ in range(2 * PENDING_BYTES_MAX // len(payload)):
            journal.append("note", payload)


async def test_when_there_is_room_again_all_that_waited_is_written(faulty, host, monkeypatch):
    journal = made(faulty)
    host.room_bytes = 0
    fill(journal)
    host.room_bytes = None
    n = journal.append("note", b"the first one that is tried writes the others too")
    assert (journal.written, journal.degraded) == (n, None)
    journal.close("left")
    assert numbers(read(faulty, journal, is_living=False)) == list(range(1, n + 1))


async def test_what_waits_is_written_without_another_append(faulty, host):
    journal = made(faulty)
    host.room_bytes = 10
    journal.append("note", b"torn behind ten bytes")
    host.room_bytes = None
    async with asyncio.timeout(20):
        while journal.written < 1:
            await asyncio.sleep(0.01)
    assert numbers(read(faulty, journal)) == [1]
    journal.close("left")


def refused(tried: list[int], data: bytes) -> tuple[int, OSError]:
    tried.append(len(data))
    return 0, OSError(errno.ENOSPC, "No space left on device")


async def test_an_append_on_a_full_disk_tries_one_piece_only(faulty, host, monkeypatch):
    journal = made(faulty)
    host.room_bytes = 0
    tried: list[int] = []
    monkeypatch.setattr(writer, "write", lambda _, data: refused(tried, data))
    for _ in range(1_000):
        journal.append("note", b"x" * 1_000)
    assert max(tried) <= writer.PIECE_BYTES
    assert len(tried) <= 1_000 + 10  # and the timer's
    monkeypatch.undo()
    journal.close("left")


async def test_a_number_that_could_not_be_recorded_is_passed(faulty, host):
    journal = made(faulty)
    journal.append("note", b"1")
    assert (journal.skip(), journal.written, journal.ack.appended) == (2, 2, 2)
    host.room_bytes = 0
    journal.append("note", b"3")
    assert [journal.skip() for _ in range(1_000)][-1] == 1_003
    assert journal.written == 2
    host.room_bytes = None
    journal.append("note", b"1004")
    assert journal.written == journal.ack.appended == 1_004
    assert numbers(read(faulty, journal)) == [1, 3, 1_004]
    journal.close("left")


async def test_the_last_word_tells_how_far_the_entries_reach(faulty, host):
    journal = made(faulty)
    journal.append("note", b"1")
    journal.mark(b"in flight")
    journal.skip()
    journal.close("left")
    frames = read(faulty, journal, is_living=False)
    assert [(frame.type, frame.n) for frame in frames] == [(ENTRY, 1), (MARK, 1), (CLOSED, 2)]


async def test_a_clock_before_1970_is_no_clock(faulty, host):
    journal = made(faulty)
    host.jump_us = -host.now_us() - 1_000_000
    journal.append("note", b"{}")
    journal.close("left")
    assert {frame.at_us for frame in read(faulty, journal, is_living=False)} == {0}


async def test_a_journal_that_was_born_on_a_full_disk_heals(faulty, host):
    header = new_header(host, faulty)
    host.room_bytes = 10  # a part of its header
    journal = Journal.create(faulty, header)
    journal.append("note", b"waits")
    assert journal.degraded
    host.room_bytes = None
    journal.append("note", b"goes on")
    assert journal.degraded is None
    assert numbers(read(faulty, journal)) == [1, 2]
    journal.close("left")


@pytest.mark.parametrize("step", ["create", "open_words", "rename", "lock"])
async def test_a_journal_that_cannot_be_made_leaves_nothing(faulty, host, monkeypatch, step):
    header = new_header(host, faulty)
    before = sorted(path.name for path in Path(faulty.folder).iterdir())

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(host, step, refuse)
    with pytest.raises(JournalUnwritable, match="Too many open files"):
        Journal.create(faulty, header)
    monkeypatch.undo()
    assert sorted(path.name for path in Path(faulty.folder).iterdir()) == before
    assert not open_files(faulty.folder)
    assert not host.is_locked(faulty.lock(header.holder))


async def test_without_threads_the_disk_level_waits(faulty, host, monkeypatch):
    journal = made(faulty)
    journal.append("note", b"a")

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    journal.sync()
    assert journal.degraded == "journal: no more threads"
    monkeypatch.undo()
    async with asyncio.timeout(20):
        while journal.synced < 1:
            await asyncio.sleep(0.01)
    assert journal.degraded is None
    journal.close("left")


async def test_after_a_slow_write_a_thread_writes(faulty, host, monkeypatch):
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 10_000)
    journal = made(faulty)
    host.write_s = 0.03
    journal.append("note", b"slow")
    began = asyncio.get_running_loop().time()
    for _ in range(50):
        journal.append("note", b"quick")
    assert asyncio.get_running_loop().time() - began < 50 * host.write_s / 2
    async with asyncio.timeout(20):
        while journal.written < 51:
            await asyncio.sleep(0.01)
    host.write_s = 0
    assert numbers(read(faulty, journal)) == list(range(1, 52))
    journal.close("left")


async def test_once_the_thread_is_quick_again_an_entry_is_written_at_once(
    faulty, host, monkeypatch
):
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 10_000)
    journal = made(faulty)
    host.write_s = 0.03
    journal.append("note", b"slow")
    host.write_s = 0
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 600_000_000)  # whatever the machine does
    for _ in range(speed.QUICK_WRITES):
        journal.append("note", b"quick")
        assert journal.written < journal.appended
        async with asyncio.timeout(20):
            while journal.written < journal.appended:
                await asyncio.sleep(0.001)
    journal.append("note", b"at once")
    assert journal.written == journal.appended == speed.QUICK_WRITES + 2
    journal.close("left")
    frames = read(faulty, journal, is_living=False)
    assert numbers(frames) == list(range(1, speed.QUICK_WRITES + 3))


async def test_what_waits_when_the_thread_is_quick_again_is_written_in_order(
    faulty, host, monkeypatch
):
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 10_000)
    monkeypatch.setattr(speed, "QUICK_WRITES", 1)
    journal = made(faulty)
    host.write_s = 0.03
    journal.append("note", b"slow")
    host.write_s = 0
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 600_000_000)
    for n in range(5):
        journal.append("note", b"%d" % n)
        journal.mark(b"mark %d" % n)
    async with asyncio.timeout(20):
        while journal.written < 6:
            await asyncio.sleep(0.001)
    journal.append("note", b"last")
    frames = read(faulty, journal)
    assert [f.n for f in frames if f.type == ENTRY] == list(range(1, 8))
    assert [f.payload for f in frames if f.type == MARK][-1] == b"mark 4"
    journal.close("left")


def test_each_slow_write_asks_for_twice_as_many_quick_ones():
    known, counts = speed.Speed(), []
    for _ in range(3):
        known.slow_down()
        counts.append(0)
        while known.is_slow:
            known.there(speed.SLOW_WRITE_US)
            counts[-1] += 1
    assert counts == [speed.QUICK_WRITES * k for k in (1, 2, 4)]


def test_a_slow_write_in_the_thread_begins_the_count_again():
    known = speed.Speed()
    known.slow_down()
    for _ in range(speed.QUICK_WRITES - 1):
        known.there(0)
    known.there(speed.SLOW_WRITE_US + 1)
    for _ in range(speed.QUICK_WRITES - 1):
        known.there(0)
    assert known.is_slow
    known.there(0)
    assert not known.is_slow


async def test_a_mark_waits_behind_the_entries_that_wait(faulty, host, monkeypatch):
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 10_000)
    journal = made(faulty)
    host.write_s = 0.03
    journal.append("note", b"slow")
    for mark in (b"first", b"second"):
        journal.append("note", b"slow")
        journal.mark(b"instead of this")
        journal.mark(mark)
    async with asyncio.timeout(20):
        while len(found := read(faulty, journal)) < 5:
            await asyncio.sleep(0.01)
    host.write_s = 0
    entry, *others = [(frame.type, frame.n, frame.payload) for frame in found]
    assert entry[:2] == (ENTRY, 1)
    assert others == [
        (ENTRY, 2, b"slow"), (MARK, 2, b"first"), (ENTRY, 3, b"slow"), (MARK, 3, b"second")
    ]  # fmt: skip
    journal.close("left")


async def test_a_mark_that_waits_for_a_full_disk_is_the_newest(faulty, host):
    journal = made(faulty)
    host.room_bytes = 0
    journal.append("note", b"1")
    for mark in (b"older", b"newest"):
        journal.mark(mark)
    host.room_bytes = None
    async with asyncio.timeout(20):
        while len(found := read(faulty, journal)) < 2:
            await asyncio.sleep(0.01)
    assert [(frame.type, frame.payload) for frame in found] == [(ENTRY, b"1"), (MARK, b"newest")]
    journal.close("left")


async def test_a_close_with_work_under_way_writes_everything_once(faulty, host, monkeypatch):
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 10_000)
    journal = made(faulty)
    host.write_s = 0.02
    for _ in range(20):
        journal.append("note", b"entry")
    journal.sync()
    journal.close("left")
    frames = read(faulty, journal, is_living=False)
    assert numbers(frames) == list(range(1, 21))
    assert frames[-1].type == CLOSED


async def test_sync_reaches_the_disk_level(spool):
    journal = made(spool)
    journal.append("note", b"a")
    assert journal.synced == 0
    journal.sync()
    async with asyncio.timeout(20):
        while journal.synced < 1:
            await asyncio.sleep(0.001)
    journal.close("left")


async def test_a_spool_that_takes_no_files_is_one_clear_error(faulty, host):
    header = new_header(host, faulty)
    host.create_fails = True
    with pytest.raises(JournalUnwritable, match="Read-only file system"):
        Journal.create(faulty, header)


async def test_a_spool_on_a_network_is_refused(faulty, host, monkeypatch):
    monkeypatch.setattr(host, "network_file_system", lambda _: "nfs4")
    with pytest.raises(SettingsInvalid, match="nfs4"):
        Spool.open(host, faulty.folder)
