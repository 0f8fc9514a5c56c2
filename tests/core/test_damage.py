"""What is damaged in a spool costs what it covers: the keeper names it, and serves all others."""

import asyncio
import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.core.conftest import new_header
from tests.core.files import bound, closed, dead_header, entry, lay, lay_bytes, mark, open_files
from unbroken.archive.taking import request_of
from unbroken.env import Host
from unbroken.journal.frames import (
    BOUND,
    ENTRY,
    Frame,
    Header,
    decode_header,
    encode_frame,
    encode_header,
)
from unbroken.keeper import Keeper
from unbroken.keeper import tail as tails
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import Noted

HANG_S = 60


class Faulty(Host):
    """`fails` says which error the use of a path has, `bad` which bytes of journals the disk
    cannot read; `ahead_us` shifts time."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[str], int | None] = lambda _path: None
        self.bad = range(0)
        self.opens = 0
        self.ahead_us = 0

    def boot_us(self) -> int:
        return super().boot_us() + self.ahead_us

    def open(self, path: str):
        self.check(path)
        self.opens += 1
        return _Faulty(super().open(path), path, self)

    def open_words(self, path: str, count: int):
        self.check(path)
        return super().open_words(path, count)

    def is_locked(self, path: str) -> bool:
        self.check(path)
        return super().is_locked(path)

    def list_folder(self, path: str) -> list[str]:
        self.check(path)
        return super().list_folder(path)

    def check(self, path: str) -> None:
        if number := self.fails(path):
            raise OSError(number, os.strerror(number), path)


class _Faulty:
    def __init__(self, inner, path: str, env: Faulty) -> None:
        self._inner, self._path, self._env = inner, path, env

    def read(self, offset: int, size: int) -> bytes:
        self._env.check(self._path)
        bad = self._env.bad
        if offset < bad.stop and offset + size > bad.start:
            raise OSError(errno.EIO, "Input/output error")
        return self._inner.read(offset, size)

    def close(self) -> None:
        self._env.opens -= 1
        self._inner.close()

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


@pytest.fixture
def env() -> Faulty:
    return Faulty()


@pytest.fixture
def keeper(spool, store) -> Keeper:
    return Keeper(spool, store.archive)


async def until(keeper: Keeper, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await keeper.step()
            await asyncio.sleep(0.005)


async def stored(keeper: Keeper, store, header: Header) -> list[str]:
    """The kinds in the log, once the keeper is through with the journal."""
    await until(keeper, lambda: header.holder in keeper._tails)
    tail = keeper._tails[header.holder]
    await until(keeper, lambda: tail.is_over)
    return [e.kind for e in await store.archive.entries(tail.session_id)]


async def test_what_never_was_a_journal_costs_nobody_anything(spool, store, env, keeper, caplog):
    good = Live.open(spool, new_header(env, spool))
    made = [env.new_id() for _ in range(7)]
    folder, fifo, link, dangling, empty, zeros, words = (Path(spool.journal(h)) for h in made)
    folder.mkdir()
    os.mkfifo(fifo)
    link.symlink_to("/dev/zero")
    dangling.symlink_to("/nowhere")
    empty.touch()
    zeros.write_bytes(bytes(5_000))
    words.write_bytes(b"no journal at all " * 300_000)
    good.record(Noted("a"))
    await until(keeper, lambda: good.ack.acked == 1)
    await until(keeper, lambda: len(keeper._unreadable) == 7)
    for holder in made:
        assert any(str(holder) in r.getMessage() for r in caplog.records)
    assert all(path.is_symlink() or path.exists() for path in (folder, fifo, link, empty, zeros))
    await good.close("left")


async def test_a_header_that_a_full_disk_cut_is_read_when_it_is_whole(spool, store, env, keeper):
    header = dead_header(env, spool)
    whole = encode_header(header) + entry(1) + entry(2) + closed(2)
    path = lay(spool, header)
    path.write_bytes(whole[:50])
    await until(keeper, lambda: header.holder in keeper._unreadable)
    for _ in range(20):  # the pause between two looks grows, but not the wait for the rest
        env.ahead_us += 5_000_000
        await keeper.step()
    with path.open("ab") as file:
        file.write(whole[50:])
    env.ahead_us += 200_000
    await keeper.step()
    assert header.holder in keeper._tails
    assert await stored(keeper, store, header) == ["note", "note"]
    assert not keeper._unreadable


@pytest.mark.parametrize("knows", ["binding", "ack", "the store"])
async def test_a_damaged_header_costs_no_entry(spool, store, env, keeper, knows):
    header = dead_header(env, spool)
    taken = await store.archive.take(request_of(header))
    frames = [bound(header, taken.term)] if knows == "binding" else []
    path = lay(spool, header, *frames, entry(1), entry(2), closed(2))
    whole = bytearray(path.read_bytes())
    _, start = decode_header(bytes(whole))
    whole[20 : start - 5] = os.urandom(start - 25)
    path.write_bytes(whole)
    if knows == "ack":
        ack = spool.ack(header.holder)
        ack.bind(taken.session_id, base=0)
        ack.confirm(acked=0, term=taken.term, boot_us=0)
        ack.close()
    assert await stored(keeper, store, header) == ["note", "note"]
    tail = keeper._tails[header.holder]
    assert tail.session_id == taken.session_id
    session = await store.conversations.get_session(tail.session_id)
    assert (session.phase, session.cause) == ("orphaned", "left")


async def test_entries_of_no_known_session_become_a_call_of_their_own(spool, store, env, keeper):
    header = dead_header(env, spool)
    garbage = os.urandom(200)
    lay(spool, header)
    lay_bytes(spool, header, garbage + entry(1) + entry(2))
    assert await stored(keeper, store, header) == ["note", "note"]
    room = keeper._tails[header.holder].header.room
    assert room == f"unknown-{header.holder}"
    second = Keeper(spool, store.archive)
    assert await stored(second, store, header) == ["note", "note"]


async def test_a_living_holder_with_a_damaged_header_is_shipped_and_its_death_seen(
    spool, store, env, keeper
):
    live = Live.open(spool, new_header(env, spool))
    path = Path(spool.journal(live.journal.header.holder))
    damaged = bytearray(path.read_bytes())
    damaged[30:90] = bytes(60)
    path.write_bytes(damaged)
    live.record(Noted("a"))
    await until(keeper, lambda: live.ack.acked == 1)
    live.record(Noted("b"))
    await until(keeper, lambda: live.ack.acked == 2)
    await live.close("left")
    tail = keeper._tails[live.journal.header.holder]
    await until(keeper, lambda: tail.is_over)
    session = await store.conversations.get_session(tail.session_id)
    assert session.phase == "orphaned"


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
async def test_a_journal_that_cannot_be_read_for_a_while_heals(store, keeper, number, caplog):
    spool = keeper._spool
    env = spool.env
    good, bad = dead_header(env, spool), dead_header(env, spool)
    lay(spool, good, entry(1), closed(1))
    lay(spool, bad, entry(1), closed(1))
    env.fails = lambda path: number if str(bad.holder) in path else None
    assert await stored(keeper, store, good) == ["note"]
    for _ in range(5):
        await keeper.step()
    tail = keeper._tails.get(bad.holder)
    assert tail is None or not tail.is_over
    said = [r for r in caplog.records if str(bad.holder) in r.getMessage()]
    assert 1 <= len(said) <= 3  # not at each look
    env.fails = lambda _path: None
    env.ahead_us += 61_000_000
    assert await stored(keeper, store, bad) == ["note"]


async def test_without_a_descriptor_the_keeper_pauses_and_goes_on(spool, store, env, keeper):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("a"))
    await until(keeper, lambda: live.ack.acked == 1)
    env.fails = lambda _path: errno.EMFILE
    live.record(Noted("b"))
    for _ in range(20):
        env.ahead_us += 200_000
        await keeper.step()
    env.fails = lambda _path: None
    env.ahead_us += 61_000_000
    await until(keeper, lambda: live.ack.acked == 2)
    await live.close("left")


async def test_a_lock_that_cannot_be_looked_at_is_no_death(spool, store, env, keeper):
    live = Live.open(spool, new_header(env, spool))
    lock = spool.lock(live.journal.header.holder)
    env.fails = lambda path: errno.EACCES if path == lock else None
    live.record(Noted("a"))
    await until(keeper, lambda: live.ack.acked == 1)
    assert keeper._tails[live.journal.header.holder].is_living
    env.fails = lambda _path: None
    await live.close("left")
    tail = keeper._tails[live.journal.header.holder]
    await until(keeper, lambda: tail.is_over)


async def test_a_bad_sector_that_stays_costs_what_it_covers(spool, store, env, keeper):
    header = dead_header(env, spool)
    lay(spool, header, *(entry(n) for n in range(1, 1_001)), closed(1_000))
    env.bad = range(24_576, 24_600)
    await until(keeper, lambda: header.holder in keeper._tails)
    for _ in range(9):
        env.ahead_us += 61_000_000
        await keeper.step()
    kinds = await stored(keeper, store, header)
    assert len(kinds) == 1_000
    assert 0 < kinds.count("lost") < 200


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
async def test_an_ack_file_that_cannot_be_used_costs_only_acks(spool, store, env, keeper, number):
    live = Live.open(spool, new_header(env, spool))
    ack = spool.ack_file(live.journal.header.holder)
    env.fails = lambda path: number if path == ack else None
    live.record(Noted("a"))
    await until(keeper, lambda: bool(keeper._tails))
    tail = keeper._tails[live.journal.header.holder]
    await until(keeper, lambda: tail.stored == 1)
    assert live.ack.acked == 0
    env.fails = lambda _path: None
    env.ahead_us += 61_000_000
    await until(keeper, lambda: live.ack.acked == 1)
    await live.close("left")


async def test_a_hole_of_megabytes_delays_nobody(spool, store, env, keeper):
    live = Live.open(spool, new_header(env, spool))
    header = dead_header(env, spool)
    lay(spool, header, entry(1), bytes(30 << 20), entry(2), closed(2))
    live.record(Noted("a"))
    await keeper.step()
    await keeper.step()
    assert live.ack.acked == 1
    assert not keeper._tails[header.holder].is_over
    assert await stored(keeper, store, header) == ["note", "note"]
    await live.close("left")


async def test_what_is_missing_is_named(spool, store, env, keeper, caplog):
    header = dead_header(env, spool)
    damaged = bytearray(entry(3))
    damaged[-2] ^= 1
    lay(spool, header, entry(1), entry(2), bytes(damaged), mark(5), closed(6))
    ack = spool.ack(header.holder)
    ack.append(8)
    ack.close()
    assert await stored(keeper, store, header) == ["note"] * 2 + ["lost"] * 6
    session_id = keeper._tails[header.holder].session_id
    log = await store.archive.entries(session_id)
    lost = [entries.decode(e.kind, e.payload).cause for e in log[2:]]
    assert lost == ["unreadable"] * 6
    said = [r.getMessage() for r in caplog.records if "entries 3 to 8" in r.getMessage()]
    assert said == [f"{header.holder}: entries 3 to 8: unreadable"]


async def test_nothing_is_open_for_what_is_over(spool, store, env, keeper):
    headers = [dead_header(env, spool) for _ in range(20)]
    for header in headers:
        lay(spool, header, entry(1), closed(1))
    await keeper.step()
    for header in headers:
        await stored(keeper, store, header)
    await keeper.step()
    assert env.opens == 0
    assert not open_files(spool.folder)
    assert all(tail._words._mapped is None for tail in keeper._tails.values())
    for tail in keeper._tails.values():
        tail.ask_again()
    for header in headers:
        assert await stored(keeper, store, header) == ["note"]
    await keeper.step()
    assert not open_files(spool.folder)


HOSTILE = {
    "a time before 1970": entry(2, at_us=-5),
    "a time beyond all": entry(2, at_us=(1 << 64) - 1),
    "flags beyond all": entry(2, flags=1 << 63),
    "negative flags": entry(2, flags=-1),
    "a kind that is none": entry(2, kind=""),
    "a kind of another alphabet": entry(2, kind="ключ"),
    "a kind without an end": entry(2, kind="k" * 100_000),
    "a kind of the future": entry(2, kind="of_the_future"),
    "an n that is far ahead": entry(1 << 60) + entry(2),
    "an n below zero": entry(-7) + entry(2),
    "a mark that is far ahead": mark(1 << 60) + entry(2),
    "a mark that is too large": mark(1, b"x" * 300_000) + entry(2),
    "a mark below zero": mark(-3) + entry(2),
    "a frame of a future type": encode_frame(Frame(9, 1, 1, "", 0, b"?")) + entry(2),
    "a binding of nonsense": encode_frame(Frame(BOUND, -1, 1, "", 0, b"x" * 16, -1)) + entry(2),
    "a last word that is far ahead": entry(2) + closed(1 << 62),
    "bytes that are no text": encode_frame(Frame(ENTRY, 2, 1, "item", 0, b"\xff\x00")),
}


@pytest.mark.parametrize("frames", HOSTILE.values(), ids=HOSTILE)
async def test_no_frame_makes_the_store_refuse_what_is_behind_it(spool, store, env, keeper, frames):
    header = dead_header(env, spool)
    lay(spool, header, entry(1), frames, entry(3), closed(3))
    kinds = await stored(keeper, store, header)
    assert len(kinds) == 3
    assert (kinds[0], kinds[2]) == ("note", "note")


async def test_hostile_words_in_an_ack_file_make_no_entries(spool, store, env, keeper):
    header = dead_header(env, spool)
    lay(spool, header, entry(1), closed(1))
    ack = spool.ack(header.holder)
    ack.append(1 << 60)
    ack.want(1 << 60)
    ack.close()
    assert await stored(keeper, store, header) == ["note"]


async def test_a_process_that_a_header_invents_is_not_killed(spool, store, env, keeper):
    for pid in (-1, 0):
        header = msgspec.structs.replace(new_header(env, spool), pid=pid, pid_start=None)
        lay(spool, header, entry(1))
        ack = spool.ack(header.holder)
        ack.ready()
        ack.close()
        env.lock(spool.lock(header.holder))
        await until(keeper, lambda holder=header.holder: holder in keeper._tails)
        assert not keeper._tails[header.holder].holder.kill("frozen")


# Cleaning.


def age(path: str | Path, seconds: int = 3_600) -> None:
    then = Path(path).stat().st_mtime - seconds
    os.utime(path, (then, then))


async def test_blobs_leave_exactly_with_their_journal(spool, store, env, monkeypatch):
    monkeypatch.setattr(tails, "RESHIP_US", 3_000_000)
    folder = Path(spool.folder) / "blobs"
    current = Live.open(spool, new_header(env, spool, room="r0", sid="RM_0"))
    for call in range(1, 6):  # they overlap: the keeper is never idle, and once in a while new
        keeper = Keeper(spool, store.archive)
        current.record(Noted("b", str(call) * 40_000))
        following = Live.open(spool, new_header(env, spool, room=f"r{call}", sid=f"RM_{call}"))
        await leave(keeper, current, env, folder)
        current = following
    await current.close("empty")


async def leave(keeper: Keeper, live: Live, env: Faulty, blobs: Path) -> None:
    holder = live.journal.header.holder
    await until(keeper, lambda: live.ack.acked == 1)
    await live.close("empty")
    await until(keeper, lambda: keeper._tails[holder].is_over)
    assert list(blobs.glob(f"{holder}.*"))
    env.ahead_us += 4_000_000
    await until(keeper, lambda: holder not in keeper._tails)
    assert not list(blobs.iterdir())


async def test_what_was_left_by_holders_that_are_gone_is_removed(spool, store, env, keeper):
    gone, living = env.new_id(), Live.open(spool, new_header(env, spool))
    journal = living.journal.header.holder
    blobs = Path(spool.folder) / "blobs"
    blobs.mkdir()
    spool_files = [f"{gone}.lock", f"{gone}.ack", f"{gone}.journal.new", f"{gone}.1.journal.new"]
    old = [Path(spool.folder) / name for name in spool_files]
    old += [blobs / f"{gone}.{'a' * 64}", blobs / f"{gone}.{'b' * 64}.new"]
    kept = [blobs / f"{journal}.{'a' * 64}", blobs / f"{journal}.{'b' * 64}.new"]
    kept += [Path(spool.folder) / f"{journal}.1.journal.new"]
    for path in old + kept:
        path.touch()
        age(path)
    young = Path(spool.folder) / f"{env.new_id()}.lock"
    young.touch()
    foreign = Path(spool.folder) / "notes.txt"
    foreign.touch()
    age(foreign)
    await keeper.step()
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in [*kept, young, foreign])
    age(young)
    env.ahead_us += 11_000_000
    await keeper.step()
    assert not young.exists()
    await living.close("left")
    env.ahead_us += 11_000_000
    await keeper.step()
    assert [path.exists() for path in kept] == [True, False, False]


async def test_the_log_of_the_keeper_is_bounded(spool, store, env, keeper):
    path = Path(spool.keeper_log)
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(600_000)))
    process = os.open(path, os.O_WRONLY | os.O_APPEND)
    await keeper.step()
    assert path.stat().st_size < 3 << 20
    os.write(process, b"goes on\n")
    os.close(process)
    lines = path.read_bytes().splitlines()
    assert lines[-2:] == [b"line 599999", b"goes on"]
    assert lines[0].startswith(b"line ")


def test_a_keeper_may_open_as_many_files_as_the_system_allows(env):

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert env.allow_files() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
