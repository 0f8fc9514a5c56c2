"""Entries that are recorded together are in the log together, or none of them is."""

from pathlib import Path

import pytest

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from tests.core.files import dead_header, lay
from tests.core.test_keeper import until
from unbroken.archive.port import BATCH_BYTES_MAX
from unbroken.journal import Journal, PartsReader
from unbroken.journal.frames import ENTRY, Frame, encode_frame, encode_header
from unbroken.journal.group import GROUP_BYTES_MAX, GROUP_ENTRIES_MAX
from unbroken.journal.spool import Spool
from unbroken.keeper.backlog import Backlog
from unbroken.keeper.keeper import Keeper
from unbroken.live.live import Live
from unbroken.log.entries import Noted

pytestmark = pytest.mark.usefixtures("at_once")


def frames_of(*groups: int) -> list[bytes]:
    """Of entries from 1 on, so many to a group."""
    made: list[bytes] = []
    for size in groups:
        for follow in reversed(range(size)):
            frame = Frame(ENTRY, len(made) + 1, 1_000, "note", 0, b'{"name":"n"}')
            made.append(encode_frame(frame, extra=follow))
    return made


def read(env, spool, header, *, is_living=False) -> Backlog:
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=is_living)
    return backlog


def numbers(backlog: Backlog) -> list[int]:
    return [n for n, entry in backlog if entry.kind == "note"]


def test_cut_anywhere_a_journal_has_whole_groups(spool, env):
    header = dead_header(env, spool)
    frames = frames_of(2, 1, 3)
    path = lay(spool, header, *frames)
    content, begin = path.read_bytes(), len(encode_header(header))
    ends = [begin + len(b"".join(frames[:k])) for k in range(len(frames) + 1)]
    for size in range(begin, len(content) + 1):
        path.write_bytes(content[:size])
        whole = max(k for k in (0, 2, 3, 6) if ends[k] <= size)
        for is_living in (True, False):
            assert numbers(read(env, spool, header, is_living=is_living)) == [*range(1, whole + 1)]


def test_what_is_damaged_in_a_group_costs_itself_only(spool, env):
    header = dead_header(env, spool)
    frames = frames_of(3, 1)
    frames[1] = bytes(len(frames[1]))
    lay(spool, header, *frames)
    backlog = read(env, spool, header)
    assert [entry.kind for _, entry in backlog] == ["note", "lost", "note", "note"]


def test_a_group_whose_last_entry_is_damaged_is_there_all_the_same(spool, env):
    header = dead_header(env, spool)
    frames = frames_of(3, 1)
    frames[2] = bytes(len(frames[2]))
    lay(spool, header, *frames)
    assert numbers(read(env, spool, header)) == [1, 2, 4]


async def test_it_is_one_write_and_what_is_in_flight_stands_behind_it(spool, env):
    journal = Journal.create(spool, new_header(env, spool))
    size = Path(spool.journal(journal.header.holder)).stat
    before = size().st_size
    with journal.together():
        assert journal.append("note", b"{}") == 1
        journal.mark(b"in flight")
        with journal.together():
            assert journal.append("note", b"{}") == 2
        assert (size().st_size, journal.written, journal.ack.appended) == (before, 0, 0)
    assert (journal.written, journal.ack.appended) == (2, 2)
    backlog = read(env, spool, journal.header, is_living=True)
    assert (numbers(backlog), backlog.mark.n) == ([1, 2], 1)
    journal.close("left")


async def test_a_full_disk_in_the_middle_of_one_tears_nothing(tmp_path):
    host = FaultyHost()
    spool = Spool.open(host, str(tmp_path / "spool"))
    journal = Journal.create(spool, new_header(host, spool))
    host.room_bytes = 100
    with journal.together():
        journal.append("note", b"{}" * 20)
        journal.append("note", b"{}" * 20)
    assert journal.written < 2
    assert numbers(read(host, spool, journal.header, is_living=True)) == []
    host.room_bytes = None
    journal.append("note", b"{}")
    assert journal.written == 3
    assert numbers(read(host, spool, journal.header, is_living=True)) == [1, 2, 3]
    journal.close("left")


async def test_one_that_is_too_large_is_several(spool, env):
    journal = Journal.create(spool, new_header(env, spool))
    with journal.together():
        for _ in range(GROUP_ENTRIES_MAX + 1):
            journal.append("note", b"{}")
        assert journal.written == GROUP_ENTRIES_MAX
        journal.append("note", b"x" * (GROUP_BYTES_MAX - 2))
        journal.append("note", b"{}")
        assert journal.written == GROUP_ENTRIES_MAX + 2
    groups = [len(group) for group in read(env, spool, journal.header, is_living=True).groups()]
    assert groups == [GROUP_ENTRIES_MAX, 2, 1]
    journal.close("left")


async def test_a_number_that_no_disk_takes_stands_behind_those_that_wait(spool, env):
    journal = Journal.create(spool, new_header(env, spool))
    with journal.together():
        journal.append("note", b"{}")
        assert journal.skip() == 2
        assert journal.written == 2
        journal.append("note", b"{}")
    assert journal.written == 3
    journal.close("left")


async def test_no_batch_ends_within_one(spool, env, between):
    live = Live.open(spool, new_header(env, spool))
    text = "x" * (BATCH_BYTES_MAX // 41)
    for _ in range(20):
        with live.journal.together():
            for _ in range(3):
                live.record(Noted("n", text))
    await until(Keeper(spool, between), lambda: live.ack.acked == 60)
    sizes = [len(part.entries) for batch in between.appends for part in batch.batches]
    assert sum(sizes) == 60
    assert all(size % 3 == 0 for size in sizes)
    await live.close("left")
