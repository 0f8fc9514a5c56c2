"""Damaged journals: every bit flipped, every truncation, garbage behind and inside. First read by
the reader alone, then, in a spool beside a well session, by keeper and store.

Damage costs the entries that it covers and nothing behind them; what it cost is named; no bytes
make the reader fail, or the keeper slow or dead.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Service, keeper, started
from bench.host.store import Store
from tests.core.conftest import new_header
from unbroken.archive.http import RemoteArchive
from unbroken.archive.taking import bound, request_of
from unbroken.env import Host
from unbroken.errors import JournalUnreadable
from unbroken.journal import Journal, JournalReader
from unbroken.journal.frames import (  # fmt: skip
    CLOSED,
    ENTRY,
    Frame,
    Header,
    decode_frame,
    decode_header,
    encode_frame,
    encode_header,
)
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import Noted

SMALL = 12  # entries of the journal whose every bit is flipped
LOOKS = 12  # a keeper looks again and again, and may search a slice at each look
SIZES = (1, 7, 8, 9, 100, 4_096, 70_000, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20)
PLANTED = 30  # entries of a journal that is shipped
COUNT = 60  # journals a round
WELL_S = 60.0  # for an entry of the well session beside them: under a second is usual
RESERVE_S = 20


def attack(a: Attack) -> None:
    folder = a.round(0)
    small = Small.made(folder)
    _flips(a, small)
    _truncations(a, small)
    _garbage(a, small)
    number = 1
    while number == 1 or a.left_s() > RESERVE_S:
        asyncio.run(_shipped(a, number))
        number += 1
    a.require_exercised("flips", "truncations", "garbage", "journals shipped", "named lost")


@dataclass(frozen=True)
class Small:
    """A sound journal, where its frames begin, and where each ends."""

    path: Path
    whole: bytes
    start: int
    ends: dict[int, Frame]

    @classmethod
    def made(cls, folder: Path) -> "Small":
        spool = Spool.open(Host(), str(folder / "spool"))
        header = new_header(spool.env, spool)

        async def write() -> None:
            journal = Journal.create(spool, header)
            named = msgspec.structs.replace(header, session_id=header.new_session_id, term=1)
            journal.bind(named)
            for n in range(1, SMALL + 1):
                journal.append(*_entry(n))
            journal.mark(b'{"transcripts":["and then"]}')
            journal.close("left")

        asyncio.run(write())
        whole = Path(spool.journal(header.holder)).read_bytes()
        found = decode_header(whole)
        assert found is not None  # noqa: S101 - we wrote it
        return cls(folder / "damaged.journal", whole, found[1], _ends(whole, found[1]))

    def up_to(self, size: int) -> set[int]:
        """The entries that are whole in the first `size` bytes."""
        return {f.n for end, f in self.ends.items() if end <= size and f.type == ENTRY}

    def numbers(self, damaged: bytes, *, is_living: bool) -> list[int] | None:
        """The entries that the reader finds, or None if it refuses the file."""
        self.path.write_bytes(damaged)
        try:
            reader = JournalReader(Host(), str(self.path))
        except JournalUnreadable:
            return None
        found: list[Frame] = []
        for _ in range(LOOKS):
            while frames := reader.read(is_living=is_living):
                found += frames
        reader.close()
        sound = {f.n: f.payload for f in self.ends.values() if f.type == ENTRY}
        read = [f for f in found if f.type == ENTRY]
        if any(sound.get(f.n) != f.payload for f in read):
            return [-1]
        return [f.n for f in read]


def _entry(n: int) -> tuple[str, bytes]:
    return "note", entries.encode(Noted("n", [n, "some words that were said"]))[0]


def _ends(whole: bytes, start: int) -> dict[int, Frame]:
    ends, at = {}, start
    while found := decode_frame(whole, at):
        frame, at = found
        ends[at] = frame
    return ends


def _flips(a: Attack, small: Small) -> None:
    """A flip in the frames costs one entry at most; one in the header all, or nothing."""
    for is_living in (False, True):
        for bit in range(8 * len(small.whole)):
            damaged = bytearray(small.whole)
            damaged[bit // 8] ^= 1 << bit % 8
            found = small.numbers(bytes(damaged), is_living=is_living)
            a.counts["flips"] += 1
            if found is None:
                a.require(bit // 8 < small.start, f"flip of bit {bit}: the file is refused")
                continue
            is_fine = found == sorted({*found}) and len(found) >= SMALL - 1 and found[0] > 0
            a.require(is_fine, f"flip of bit {bit}, living {is_living}: {found} are read")


def _truncations(a: Attack, small: Small) -> None:
    for is_living in (False, True):
        for size in range(len(small.whole) + 1):
            found = small.numbers(small.whole[:size], is_living=is_living)
            a.counts["truncations"] += 1
            wanted = sorted(small.up_to(size))
            is_fine = found == wanted or (found is None and size < small.start)
            a.require(is_fine, f"cut at {size}, living {is_living}: {found}, not {wanted}")


def _garbage(a: Attack, small: Small) -> None:
    chance = a.chance("garbage")
    cuts = [len(small.whole), *list(small.ends)[4:6], list(small.ends)[5] + 5]
    for tail in _tails(chance, small.whole):
        for cut in cuts:
            found = small.numbers(small.whole[:cut] + tail, is_living=False)
            a.counts["garbage"] += 1
            missing = small.up_to(cut) - {*(found or ())}
            a.require(not missing, f"{len(tail)} bytes of garbage at {cut}: {missing} are missing")


def _tails(chance: random.Random, whole: bytes) -> Iterator[bytes]:
    yield from (b"\0" * size for size in SIZES)
    yield from (chance.randbytes(size) for size in SIZES)
    yield from (whole, whole[8:] * 3, b"UNBJ" * 1_000, b"\x01\0\0\0" * 5_000)


async def _shipped(a: Attack, number: int) -> None:
    folder, where = a.round(number), f"round {number}, "
    spool = Spool.open(Host(), str(folder / "spool"))
    service = Service(folder)
    ship = keeper(spool.folder, service.url)
    chance = a.chance("shipped", number)
    well = Live.open(spool, new_header(spool.env, spool, room="well", sid="RM_well"))
    with started(service):
        async with RemoteArchive(service.url) as archive:
            headers = [await _taken(spool, archive, number * COUNT + k) for k in range(COUNT)]
        claims = [_plant(spool, h, chance, number * COUNT + k) for k, h in enumerate(headers)]
        with started(ship):
            well.record(said.entry(0, 1))
            is_stored = await well.durable("service", timeout_s=WELL_S)
            a.require(is_stored, f"{where}the session beside damaged journals is not stored")
            store = Store(service.data)
            is_settled = await asyncio.to_thread(checker.settle, store, claims)
            a.require(is_settled, f"{where}the end of a damaged journal is not told")
            a.require(ship.code is None, f"{where}the keeper ended by itself, code {ship.code}")
            checker.check(a, store, claims, where=where)
            a.counts["journals shipped"] += len(claims)
            await well.close("left")


async def _taken(spool: Spool, archive: RemoteArchive, seed: int) -> Header:
    """The header of a holder that took its session, and is dead."""
    header = msgspec.structs.replace(
        new_header(spool.env, spool, room=f"room {seed}", sid=f"RM_{seed}"),
        pid=1 << 22,  # beyond every process
        pid_start=1,
    )
    return bound(header, await archive.take(request_of(header)))


def _plant(spool: Spool, header: Header, chance: random.Random, seed: int) -> Claim:
    """Its journal, damaged. What the damage covers may be lost, and must be named."""
    whole, ends = _journal(header, seed)
    damaged, covered = _damaged(whole, ends, chance)
    lost = [n for n, (start, end) in ends.items() if covered[0] < end and start < covered[1]]
    Path(spool.lock(header.holder)).touch()
    ack = spool.ack(header.holder)
    ack.append(PLANTED)
    ack.close()
    Path(spool.journal(header.holder)).write_bytes(damaged)
    assert header.session_id is not None  # noqa: S101 - it was taken
    return Claim(header.session_id, seed, PLANTED, PLANTED, is_taken=True, may_be_lost=lost)


def _journal(header: Header, seed: int) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """A sound journal, and where each of its entries begins and ends."""
    whole = encode_header(header)
    ends = {}
    for n in range(1, PLANTED + 1):
        payload = entries.encode(said.entry(seed, n))[0]  # the large one travels whole, too
        frame = encode_frame(Frame(ENTRY, n, n, "note", 0, payload))
        ends[n] = (len(whole), len(whole) + len(frame))
        whole += frame
    return whole + encode_frame(Frame(CLOSED, PLANTED, 1, "left", 0, b"")), ends


def _damaged(
    whole: bytes, ends: dict[int, tuple[int, int]], chance: random.Random
) -> tuple[bytes, tuple[int, int]]:
    """A damaged copy, and the range of the whole one that the damage covers."""
    start = ends[1][0]
    at = chance.randrange(*chance.choice(list(ends.values())))
    size = chance.choice((1, 10, 200, 4_096, 1 << 20, 3 << 20, 5 << 20))
    match chance.choice(("flip", "flip", "header", "cut", "zeros inside", "noise inside", "over")):
        case "flip":
            return _flipped(whole, at, chance), (at, at + 1)
        case "header":
            return _flipped(whole, chance.randrange(start), chance), (0, 0)
        case "cut":
            return whole[:at], (at, len(whole))
        case "zeros inside":
            return whole[:at] + bytes(size) + whole[at:], (at, at)
        case "noise inside":
            return whole[:at] + chance.randbytes(size) + whole[at:], (at, at)
        case _:
            size = min(size, len(whole) - at)
            return whole[:at] + chance.randbytes(size) + whole[at + size :], (at, at + size)


def _flipped(whole: bytes, at: int, chance: random.Random) -> bytes:
    damaged = bytearray(whole)
    damaged[at] ^= 1 << chance.randrange(8)
    return bytes(damaged)
