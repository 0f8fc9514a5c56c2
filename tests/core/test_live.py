"""How safe a session's entries are, as its process is told: never safer than they are."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from tests.core.test_keeper import until
from unbroken.errors import JournalUnwritable, LevelUnavailable
from unbroken.journal import JournalReader, trouble
from unbroken.journal.ack import ENDED, FENCED, Ack
from unbroken.journal.frames import CLOSED, ENTRY
from unbroken.journal.spool import Spool
from unbroken.journal.trouble import Trouble
from unbroken.keeper import Keeper
from unbroken.keeper import keeper as keeper_module
from unbroken.live import live as live_module
from unbroken.live.live import Live
from unbroken.live.losses import RUNS_MAX
from unbroken.log.entries import Noted, decode
from unbroken.store.sqlite import SqliteStore

pytestmark = pytest.mark.usefixtures("at_once")

LARGE = "x" * 40_000  # travels apart
LOOKED_S, NEVER_S = keeper_module.LOOK_S, 600.0


@pytest.fixture
def host() -> FaultyHost:
    return FaultyHost()


@pytest.fixture
def spool(host, tmp_path) -> Spool:
    return Spool.open(host, str(tmp_path / "spool"))


@pytest.fixture
async def live(host, spool):
    opened = Live.open(spool, new_header(host, spool))
    yield opened
    await opened.close("left")


@pytest.fixture
def keeper(live, spool):
    """Its side of the ack file."""
    ack = spool.ack(live.journal.header.holder)
    yield ack
    ack.close()


async def test_all_that_was_stored_is_safe(live, keeper: Ack):
    n = live.record(Noted("a"))
    assert not await live.durable("service", timeout_s=0)
    keeper.confirm(acked=n, term=1, boot_us=0)
    assert await live.durable("service", upto=n)
    assert await live.durable("service")


@pytest.mark.parametrize(("flag", "why"), [(FENCED, "another holder"), (ENDED, "is over")])
async def test_what_came_behind_the_end_of_our_term_is_not_stored(live, keeper: Ack, flag, why):
    first, second = live.record(Noted("a")), live.record(Noted("b"))
    keeper.confirm(acked=first, term=1, boot_us=0)
    keeper.flag(flag)
    assert await live.durable("service", upto=first)
    with pytest.raises(LevelUnavailable, match=why):
        await live.durable("service", upto=second, timeout_s=20)
    with pytest.raises(LevelUnavailable, match=why):
        await live.durable("service", timeout_s=20)
    assert await live.durable("process", upto=second)


async def test_a_replaced_entry_is_told_once_and_the_others_are_stored(live, keeper: Ack):
    for name in ("a", "b", "c"):
        live.record(Noted(name))
    keeper.lose(2)
    keeper.confirm(acked=3, term=1, boot_us=0)
    for _ in range(2):
        with pytest.raises(LevelUnavailable, match="entry 2 is lost"):
            await live.durable("service", upto=2)
    assert await live.durable("service", upto=1)
    assert await live.durable("service", upto=3)
    assert await live.durable("service")  # told above
    assert await live.durable("process", upto=2)
    assert live.lost == 1


async def test_a_loss_is_told_to_the_first_who_asks_for_all(live, keeper: Ack):
    live.record(Noted("a"))
    keeper.lose(1)
    keeper.confirm(acked=1, term=1, boot_us=0)
    with pytest.raises(LevelUnavailable, match="entry 1 is lost"):
        await live.durable("service")
    assert await live.durable("service")


async def test_losses_that_cannot_be_told_apart_put_all_in_doubt(live, keeper: Ack):
    for _ in range(30):
        live.record(Noted("a"))
    for n in range(1, 30):
        keeper.lose(n)
    keeper.confirm(acked=30, term=1, boot_us=0)
    with pytest.raises(LevelUnavailable, match="more were lost"):
        await live.durable("service", upto=30)
    n = live.record(Noted("b"))
    keeper.confirm(acked=n, term=1, boot_us=0)
    assert await live.durable("service", upto=n)


async def test_many_losses_take_little_memory_and_none_is_taken_for_stored(live, keeper: Ack):
    for n in range(1, 3 * RUNS_MAX):
        live.record(Noted("a"))
        if n % 2:
            keeper.lose(n)
            assert live.lost
    keeper.confirm(acked=live.journal.appended, term=1, boot_us=0)
    for n in (1, RUNS_MAX + 1, 3 * RUNS_MAX - 1):
        with pytest.raises(LevelUnavailable, match=r"lost"):
            await live.durable("service", upto=n)


@pytest.mark.parametrize("level", ["process", "disk", "service"])
async def test_a_record_that_could_not_record_says_so(live, host, keeper: Ack, level):
    live.record(Noted("a"))
    host.room_bytes = 0
    n = live.record(Noted("large", LARGE))  # its part finds no room
    host.room_bytes = None
    assert n == live.journal.appended == keeper.appended == 2
    last = live.record(Noted("b"))
    keeper.lose(n)  # the keeper finds the gap
    keeper.confirm(acked=last, term=1, boot_us=0)
    with pytest.raises(LevelUnavailable, match=r"entry 2 is lost: .*No space left"):
        await live.durable(level, upto=n, timeout_s=20)
    assert await live.durable(level, upto=last, timeout_s=20)
    assert await live.durable(level, timeout_s=20)
    assert live.lost == 1
    assert live.lag.degraded == "1 entries are lost"


async def test_behind_close_nothing_is_recorded_and_that_is_said(live):
    live.record(Noted("a"))
    await live.close("left")
    n = live.record(Noted("b"))
    assert n == 2
    for level in ("process", "disk", "service"):
        with pytest.raises(LevelUnavailable, match="closed"):
            await live.durable(level, upto=n, timeout_s=20)


async def test_what_no_disk_took_until_the_end_is_counted_and_named(live, host, spool, caplog):
    live.record(Noted("a"))
    host.room_bytes = 0
    for _ in range(300):
        live.record(Noted("b"))
    await live.close("left")
    assert "300 entries lost: journal: No space left on device" in caplog.text
    assert live.lost == 300
    assert live.ack.appended == 301
    with pytest.raises(LevelUnavailable, match="entry 2 to 301 is lost"):
        await live.durable("process", upto=150)


async def test_what_waited_is_written_at_close_if_there_is_room(live, host, spool):
    host.room_bytes = 0
    live.record(Noted("a"))
    host.room_bytes = None
    await live.close("left")
    reader = JournalReader(host, spool.journal(live.journal.header.holder))
    assert [frame.type for frame in reader.read(is_living=False)] == [ENTRY, CLOSED]
    reader.close()
    assert live.lost == 0


async def test_what_degrades_us_is_said_once_at_each_change(live, host, keeper: Ack, caplog):
    caplog.set_level(logging.INFO)
    live.record(Noted("a"))
    host.room_bytes = 0
    for _ in range(5):
        live.record(Noted("b"))
    assert keeper.trouble == Trouble.FULL
    assert "No space left on device" in live.lag.degraded
    host.room_bytes = None
    live.record(Noted("c"))
    assert keeper.trouble == Trouble.NONE
    assert live.lag.degraded is None
    said = [record.getMessage() for record in caplog.records]
    assert said == ["degraded: journal: No space left on device", "no longer degraded"]


async def test_a_failed_fsync_is_told_to_the_keeper(live, host, keeper: Ack):
    live.record(Noted("a"))
    host.sync_fails = True
    with pytest.raises(LevelUnavailable, match="disk failed"):
        await live.durable("disk", timeout_s=20)
    assert keeper.trouble == Trouble.UNSYNCED


def test_each_trouble_has_its_words():
    assert trouble.describe(Trouble.NONE) is None
    words = {trouble.describe(code) for code in Trouble if code}
    assert len(words) == len(Trouble) - 1
    assert trouble.describe(99) == "trouble 99, which this version does not know"


async def test_memory_stays_flat_in_a_long_call_that_nobody_stores(live):
    for _ in range(12_000):
        live.record(Noted("a"))
    assert len(live._unsafe) == 10_000
    assert live.lag.service.entries == 12_000
    assert len(live.journal._unsynced) < 5 << 20


async def test_a_journal_that_cannot_be_made_leaves_no_task(host, spool):
    before = len(asyncio.all_tasks())
    host.create_fails = True
    header = new_header(host, Spool.open(FaultyHost(), spool.folder))
    with pytest.raises(JournalUnwritable, match="Read-only"):
        Live.open(spool, header)
    assert len(asyncio.all_tasks()) == before


async def test_a_large_part_that_was_kept_is_in_the_file_it_names(live, spool, host):
    live.record(Noted("large", LARGE))
    reader = JournalReader(host, spool.journal(live.journal.header.holder))
    (frame,) = reader.read(is_living=True)
    reader.close()
    name = decode("note", frame.payload).data["$blob"]
    assert (Path(spool.folder) / "blobs" / f"{live.journal.header.holder}.{name}").exists()


async def test_a_line_is_told_to_be_stored_whatever_is_recorded_behind_it(spool, store):
    live = Live.open(spool, new_header(spool.env, spool))
    told = []
    live.on_level = lambda n, level: told.append((n, level))
    live.say("here", "user", "hello", extra={})
    live.record(Noted("behind it, and never synced"))
    await until(Keeper(spool, store.archive), lambda: (1, "service") in told)
    assert list(dict.fromkeys(told)) == [(1, "process"), (1, "disk"), (1, "service")]
    await live.close("left")


async def test_who_waits_is_woken_without_having_to_look(live, spool, store, monkeypatch):
    async with kept(spool, store):
        live.record(Noted("a"))
        assert await live.durable("service", timeout_s=20)
        monkeypatch.setattr(keeper_module, "LOOK_S", NEVER_S)
        monkeypatch.setattr(live_module, "LOOK_S", NEVER_S)
        await asyncio.sleep(5 * LOOKED_S)  # the keeper's last look of the old kind is over
        for name in ("b", "c"):
            live.record(Noted(name))
            assert await live.durable("service", timeout_s=20)
            assert await live.durable("disk", timeout_s=20)


async def test_without_a_bell_who_waits_looks(live, spool, store, host, monkeypatch):
    monkeypatch.setattr(host, "open_bell", refused)
    async with kept(spool, store):
        live.record(Noted("a"))
        assert await live.durable("service", timeout_s=20)


@contextlib.asynccontextmanager
async def kept(spool: Spool, store: SqliteStore) -> AsyncIterator[None]:
    keeping = asyncio.create_task(Keeper(spool, store.archive).run())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def refused(_path: str) -> None:
    raise OSError(errno.EMFILE, "Too many open files")
