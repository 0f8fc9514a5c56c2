"""The reader: damage costs what it covers, is searched once, and no bytes make it fail."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.files import bound, closed, dead_header, entry, lay, lay_bytes, mark
from unbroken.env import Host
from unbroken.errors import JournalUnreadable
from unbroken.journal import JournalReader, PartsReader
from unbroken.journal.frames import (
    CLOSED,
    ENTRY,
    Frame,
    decode_frame,
    decode_header,
    encode_frame,
    encode_header,
    resync,
)
from unbroken.journal.reader import CHECK_BYTES, SEARCH_BYTES

COUNT = 8
SOUND = [entry(n) for n in range(1, COUNT + 1)]


class Counting(Host):
    """Counts the bytes that are read from files; `bad` are places that the disk cannot read."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0
        self.open_files = 0
        self.bad: range = range(0)

    def open(self, path):
        self.open_files += 1
        return _Counted(super().open(path), self)


class _Counted:
    def __init__(self, inner, env: Counting) -> None:
        self._inner, self._env = inner, env

    def read(self, offset: int, size: int) -> bytes:
        if self._env.bad and offset < self._env.bad.stop and offset + size > self._env.bad.start:
            raise OSError(5, "Input/output error")
        data = self._inner.read(offset, size)
        self._env.bytes_read += len(data)
        return data

    def close(self) -> None:
        self._env.open_files -= 1
        self._inner.close()

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


@pytest.fixture
def env() -> Counting:
    return Counting()


def all_of(reader: JournalReader | PartsReader, *, is_living: bool = False) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(1_000):
        more = reader.read(is_living=is_living)
        frames += more
        if not more and reader.is_at_end:
            return frames
    raise AssertionError("it does not come to an end")


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.n for frame in frames if frame.type == ENTRY]


def read(env, path: Path, *, is_living: bool = False) -> list[int]:
    reader = JournalReader(env, str(path))
    try:
        return numbers(all_of(reader, is_living=is_living))
    finally:
        reader.close()


@pytest.mark.parametrize("is_living", [False, True])
def test_every_flipped_bit_costs_its_frame_and_nothing_else(env, spool, is_living):
    header = dead_header(env, spool)
    path = lay(spool, header, bound(header, 1), *SOUND, mark(COUNT), closed(COUNT))
    whole = path.read_bytes()
    _, start = decode_header(whole)
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = read(env, path, is_living=is_living)
        missing = set(range(1, COUNT + 1)) - set(found)
        assert len(found) == len(set(found))
        assert len(missing) <= (bit // 8 >= start), bit


def test_a_header_with_one_flipped_bit_is_known_as_it_was(env, spool):
    header = dead_header(env, spool)
    whole = encode_header(header)
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_header(bytes(damaged)) == (header, len(whole)), bit


def test_a_cut_costs_only_what_is_behind_it(env, spool):
    header = dead_header(env, spool)
    path = lay(spool, header, *SOUND)
    whole = path.read_bytes()
    _, start = decode_header(whole)
    ends = [start + sum(map(len, SOUND[:n])) for n in range(COUNT + 1)]
    for cut in range(start, len(whole) + 1):
        path.write_bytes(whole[:cut])
        expected = [n for n in range(1, COUNT + 1) if ends[n] <= cut]
        assert read(env, path) == read(env, path, is_living=True) == expected
    for cut in range(start):
        path.write_bytes(whole[:cut])
        with pytest.raises(JournalUnreadable):
            JournalReader(env, str(path))
    assert env.open_files == 0


GARBAGE = {
    "zeros": bytes(5 << 20),
    "random": random.Random(1).randbytes(5 << 20),
    "as if frames began everywhere": b"\x20\0\0\0abcd\x97\0" * 20_000,
    "as if large frames began": b"\0\0\x0f\0abcd\x97\0" * 50 + bytes(2 << 20),
    "an entry that is too large": (9 << 20).to_bytes(4, "little") + b'crcc\x97\0["x"]' * 900_000,
    "headers": b"UNBJ\x01\0\0\0" * 9_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_of_any_size_costs_nothing_behind_it(env, spool, garbage):
    header = dead_header(env, spool)
    assert read(env, lay(spool, header, *SOUND[:4], garbage, *SOUND[4:])) == [*range(1, COUNT + 1)]
    nameless = lay_bytes(spool, header, garbage + b"".join(SOUND))
    assert read(env, nameless) == [*range(1, COUNT + 1)]


def test_a_look_into_garbage_is_short_and_nothing_is_searched_twice(env, spool):
    header = dead_header(env, spool)
    garbage = bytes(9 * SEARCH_BYTES)
    path = lay(spool, header, *SOUND[:4], garbage)
    reader = JournalReader(env, str(path))
    most = 0
    while not reader.is_at_end:
        before = env.bytes_read
        reader.read(is_living=True)
        most = max(most, env.bytes_read - before)
    assert most < 2 * SEARCH_BYTES
    assert env.bytes_read < 2 * len(garbage)
    before = env.bytes_read
    for _ in range(100):
        assert reader.read(is_living=True) == []
    assert env.bytes_read == before
    with path.open("ab") as file:
        file.write(b"".join(SOUND[4:]))
    assert numbers(all_of(reader, is_living=True)) == [5, 6, 7, 8]
    assert env.bytes_read - before < SEARCH_BYTES
    assert reader.damaged_bytes == len(garbage)
    reader.close()


def test_what_looks_like_frames_is_checked_a_little_at_each_look(env, spool):
    header = dead_header(env, spool)
    path = lay(spool, header, (b"\0\0\x0f\0abcd\x97\0" * 300_000))
    reader = JournalReader(env, str(path))
    before = env.bytes_read
    assert reader.read(is_living=False) == []
    assert not reader.is_at_end
    assert env.bytes_read - before < SEARCH_BYTES + 2 * CHECK_BYTES
    reader.close()


def test_a_frame_that_is_written_in_pieces_is_read_once_it_is_whole(env, spool):
    header = dead_header(env, spool)
    large = encode_frame(Frame(ENTRY, 1, 1, "note", 0, b"[" + b'"words",' * 90_000 + b"1]"))
    whole = encode_header(header) + large + SOUND[1]
    path = lay_bytes(spool, header, encode_header(header))
    reader = JournalReader(env, str(path))
    found: list[int] = []
    for cut in range(0, len(whole), 100_000):
        path.write_bytes(whole[:cut] if cut > 1_000 else encode_header(header))
        found += numbers(reader.read(is_living=True))
        assert reader.damaged_bytes == 0
    path.write_bytes(whole)
    assert found + numbers(all_of(reader, is_living=True)) == [1, 2]
    reader.close()


def test_a_torn_end_is_damage_only_when_its_holder_is_dead(env, spool):
    header = dead_header(env, spool)
    path = lay(spool, header, SOUND[0], SOUND[1][:-3])
    reader = JournalReader(env, str(path))
    assert numbers(all_of(reader, is_living=True)) == [1]
    assert reader.damaged_bytes == 0
    assert numbers(all_of(reader, is_living=False)) == []
    assert reader.damaged_bytes == len(SOUND[1]) - 3
    reader.close()


def test_damage_is_said_once_with_its_place(env, spool, caplog):
    header = dead_header(env, spool)
    path = lay(spool, header, SOUND[0], b"\xff" * 77, SOUND[1])
    reader = JournalReader(env, str(path))
    all_of(reader)
    reader.rewind()
    all_of(reader)
    at = len(encode_header(header)) + len(SOUND[0])
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{path}: 77 bytes at {at} are damaged"]
    reader.close()


def test_what_a_disk_cannot_read_costs_its_blocks_alone(env, spool):
    header = dead_header(env, spool)
    many = [entry(n) for n in range(1, 1_001)]
    path = lay(spool, header, *many)
    reader = JournalReader(env, str(path))
    env.bad = range(9_000, 9_001)
    with pytest.raises(OSError, match="Input/output"):
        all_of(reader)
    reader.skips_bad_blocks = True
    missing = set(range(1, 1_001)) - set(numbers(all_of(reader)))
    assert 0 < len(missing) <= 2 + 8_192 // len(many[-1]) * 2
    reader.close()


def test_a_reader_at_rest_holds_no_descriptor(env, spool):
    reader = JournalReader(env, str(lay(spool, dead_header(env, spool), *SOUND)))
    assert numbers(all_of(reader)) == [*range(1, COUNT + 1)]
    reader.rest()
    assert env.open_files == 0
    reader.rewind()
    assert numbers(all_of(reader)) == [*range(1, COUNT + 1)]
    reader.rest()


def test_the_files_of_a_holder_are_read_as_one(env, spool):
    header = dead_header(env, spool)
    damaged = bytearray(SOUND[5])
    damaged[-1] ^= 1
    lay(spool, header, bound(header, 1), *SOUND[:5], bytes(damaged))
    lay(spool, header, *SOUND[4:7], part=1)
    lay(spool, header, SOUND[7], mark(8), closed(8), part=2)
    assert spool.holders() == [header.holder]
    parts = PartsReader(spool, header.holder)
    frames = all_of(parts)
    assert [*dict.fromkeys(numbers(frames))] == [*range(1, COUNT + 1)]
    assert frames[-1].type == CLOSED
    parts.rewind()
    assert len(all_of(parts)) == len(frames)
    parts.rest()


def test_a_half_written_frame_of_an_earlier_part_is_not_yet(env, spool):
    """A later part could not be made safe, and its holder goes on in the one before."""
    header = dead_header(env, spool)
    path = lay(spool, header, *SOUND[:3], SOUND[3][:7])
    lay(spool, header, *SOUND[:2], part=1)
    parts = PartsReader(spool, header.holder)
    assert [*dict.fromkeys(numbers(all_of(parts, is_living=True)))] == [1, 2, 3]
    path.write_bytes(path.read_bytes() + SOUND[3][7:] + SOUND[4])
    assert numbers(all_of(parts, is_living=True)) == [4, 5]
    assert parts.damaged_bytes == 0
    parts.rest()


def test_a_part_that_comes_later_is_read_on(env, spool):
    header = dead_header(env, spool)
    lay(spool, header, *SOUND[:3])
    parts = PartsReader(spool, header.holder)
    assert numbers(all_of(parts, is_living=True)) == [1, 2, 3]
    lay_bytes(spool, header, encode_header(header)[:40], part=1)  # not yet whole
    assert numbers(all_of(parts, is_living=False)) == []
    lay(spool, header, *SOUND[2:], part=1)
    assert [*dict.fromkeys(numbers(all_of(parts)))] == [3, 4, 5, 6, 7, 8]
    parts.rest()


@pytest.mark.parametrize("first", [None, b"", b"nothing sound" * 9])
def test_a_part_that_is_missing_or_destroyed_hides_no_later_one(env, spool, first):
    header = dead_header(env, spool)
    lay(spool, header, *SOUND[:3])
    if first is not None:
        lay_bytes(spool, header, first, part=1)
    lay(spool, header, *SOUND[2:6], part=2)
    parts = PartsReader(spool, header.holder)
    assert [*dict.fromkeys(numbers(all_of(parts)))] == [*range(1, 7)]
    lay(spool, header, *SOUND[5:], part=3)
    assert numbers(all_of(parts)) == [6, 7, 8]
    parts.rest()


@pytest.mark.parametrize("content", [b"", b"UNBJ", b"NOPE" * 50, b"UNBJ\x09\0\0\0" + b"x" * 99])
def test_what_is_no_journal_is_said_to_be_none(env, spool, content):
    path = Path(spool.folder) / "x.journal"
    path.write_bytes(content)
    with pytest.raises(JournalUnreadable):
        JournalReader(env, str(path))


def test_a_journal_of_another_version_is_left_to_its_keeper(env, spool):
    path = lay(spool, dead_header(env, spool), *SOUND)
    whole = bytearray(path.read_bytes())
    whole[4] = 2
    path.write_bytes(whole)
    with pytest.raises(JournalUnreadable, match="version"):
        JournalReader(env, str(path))


@given(st.binary(max_size=300), st.integers(0, 300))
@settings(deadline=None)
def test_no_bytes_make_the_reader_fail(data, at):
    assert decode_frame(data, at) is None or at < len(data)
    assert min(at, len(data)) <= resync(data, at) <= len(data) or at > len(data)
