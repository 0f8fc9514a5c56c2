"""Large parts go beside the words: what is wrong with one costs its entry, and delays no other."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from tests.core.test_keeper import log_of, until
from tests.core.test_shipping import new_live
from unbroken.archive import http
from unbroken.errors import ArchiveUnavailable, InvalidInput, TooLarge
from unbroken.keeper import Keeper
from unbroken.keeper.blobs import OF_ONE_MAX, SURE_US, UPLOADS_MAX, WAIT_US, BlobLane
from unbroken.keeper.tail import RESHIP_US
from unbroken.log.entries import Noted

LARGE = 50_000


def blobs_in(spool) -> list[str]:
    return spool.env.list_folder(f"{spool.folder}/blobs")


async def test_a_missing_blob_costs_its_entry_alone(spool, env, store, between):
    live = new_live(spool, env, "r")
    for number in range(5):
        live.record(Noted(f"picture {number}", f"{number}" * LARGE))
    gone = blobs_in(spool)[0]
    env.remove(f"{spool.folder}/blobs/{gone}")
    await until(Keeper(spool, between), lambda: live.ack.acked == 5)
    log = await log_of(store, live.session_id)
    assert sorted(e.kind for e in log) == ["lost"] + ["note"] * 4
    (lost,) = [e for e in log if e.kind == "lost"]
    assert lost.payload == b'{"cause":"blob: missing","kind":"note"}'
    assert live.ack.lost_since(0) == [lost.seq]
    await live.close("left")


@pytest.mark.parametrize("error", [InvalidInput("422"), TooLarge("413")])
async def test_a_blob_that_is_refused_for_good_costs_its_entry_alone(
    spool, env, store, between, error
):
    live = new_live(spool, env, "r")
    for number in range(3):
        live.record(Noted(f"picture {number}", f"{number}" * LARGE))
    bad = blobs_in(spool)[1].rpartition(".")[2]
    between.on_blob = lambda name: error if name == bad else None
    keeper = Keeper(spool, between)
    async with asyncio.timeout(60):
        while live.ack.lost_count == 0:
            await keeper.step()
            env.ahead_us += 20_000
            await asyncio.sleep(0.001)
    await until(keeper, lambda: live.ack.acked == 3)
    await live.close("left")


@pytest.mark.parametrize("error", [TooLarge("413"), ArchiveUnavailable("503")])
async def test_a_refusal_in_passing_costs_nothing(spool, env, store, between, error):
    live = new_live(spool, env, "r")
    live.record(Noted("picture", "x" * LARGE))
    between.on_blob = lambda _: error if len(between.blobs) == 1 else None
    await until(Keeper(spool, between), lambda: live.ack.acked == 1)
    assert [e.kind for e in await log_of(store, live.session_id)] == ["note"]
    assert live.ack.lost_count == 0
    await live.close("left")


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_broken_blob_lane_delays_no_words(spool, env, store, between, hangs):
    live, other = new_live(spool, env, "r"), new_live(spool, env, "other")
    if hangs:
        between.gate.clear()
    between.on_blob = lambda _: ArchiveUnavailable("the bucket is away")
    live.record(Noted("before"))
    for number in range(6):
        live.record(Noted("picture", f"{number}" * LARGE))
    live.record(Noted("behind"))
    other.record(Noted("words"))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 1 and other.ack.acked == 1)
    assert len(await log_of(store, live.session_id)) == 1  # it waits for its blobs, a while
    env.ahead_us += WAIT_US
    tail = keeper._tails[live.journal.header.holder]
    await until(keeper, lambda: tail.stored == 8)
    assert [e.kind for e in await log_of(store, live.session_id)] == ["note"] * 8
    assert live.ack.acked == 1  # only the acknowledgement waits
    if hangs:
        assert len(between.blobs) == OF_ONE_MAX < UPLOADS_MAX
    between.on_blob = lambda _: None
    between.gate.set()
    env.ahead_us += 60_000_000
    await until(keeper, lambda: live.ack.acked == 8)
    for one in (live, other):
        await one.close("left")


async def test_a_new_keeper_confirms_no_entry_that_went_ahead_of_its_blob(
    spool, env, store, between
):
    live = new_live(spool, env, "r")
    live.record(Noted("before"))
    between.on_blob = lambda _: ArchiveUnavailable("503")
    live.record(Noted("picture", "x" * LARGE))
    live.record(Noted("behind"))
    first = Keeper(spool, between)
    await until(first, lambda: live.ack.acked == 1)
    env.ahead_us += WAIT_US
    await until(first, lambda: first._tails[live.journal.header.holder].stored == 3)
    second = Keeper(spool, between)
    for _ in range(30):
        await second.step()
    assert live.ack.acked == 1
    between.on_blob = lambda _: None
    env.ahead_us += 60_000_000
    await until(second, lambda: live.ack.acked == 3)
    assert len(await log_of(store, live.session_id)) == 3
    await live.close("left")


async def test_a_blob_that_is_lost_behind_its_entry_is_told_before_anything_is_confirmed(
    spool, env, store, between
):
    live = new_live(spool, env, "r")
    between.on_blob = lambda _: ArchiveUnavailable("503")
    live.record(Noted("picture", "x" * LARGE))
    live.record(Noted("behind"))
    keeper = Keeper(spool, between)
    tail = None
    while tail is None or tail.stored != 2:
        await keeper.step()
        env.ahead_us += 100_000
        await asyncio.sleep(0.001)
        tail = keeper._tails[live.journal.header.holder]
    assert (live.ack.acked, live.ack.lost_count) == (0, 0)
    env.remove(f"{spool.folder}/blobs/{blobs_in(spool)[0]}")
    env.ahead_us += 60_000_000
    await until(keeper, lambda: live.ack.acked == 2)
    assert live.ack.lost_since(0) == [1]
    await live.close("left")


async def test_a_journal_stays_until_its_blobs_are_stored(spool, env, store, between):
    live = new_live(spool, env, "r")
    between.on_blob = lambda _: ArchiveUnavailable("503")
    live.record(Noted("picture", "x" * LARGE))
    await live.close("left")
    keeper = Keeper(spool, between)
    holder = live.journal.header.holder
    await keeper.step()
    for _ in range(20):
        env.ahead_us += WAIT_US
        await keeper.step()
    await until(keeper, lambda: keeper._tails[holder].is_over)
    env.ahead_us += RESHIP_US
    await keeper.step()
    assert env.exists(spool.journal(holder))
    between.on_blob = lambda _: None
    env.ahead_us += 60_000_000
    await until(keeper, lambda: not env.exists(spool.journal(holder)))
    assert blobs_in(spool) == []


async def test_what_was_stored_long_ago_is_sent_again_before_its_entry(spool, env, store, between):
    """What no entry refers to is deleted a day after it was stored."""
    live = new_live(spool, env, "r")
    live.record(Noted("picture", "x" * LARGE))
    holder, name = live.journal.header.holder, blobs_in(spool)[0].rpartition(".")[2]
    lane = BlobLane(spool, between)

    async def send() -> int:
        lane.want(holder, name)
        lane.work()
        await asyncio.gather(*lane._tasks)
        assert lane.is_stored(holder, name)
        return len(between.blobs)

    assert (await send(), await send()) == (1, 1)
    env.ahead_us += SURE_US + 1
    assert await send() == 2
    await lane.aclose()
    await live.close("left")


async def test_a_large_part_is_read_and_packed_beside_the_loop(spool, env, monkeypatch):
    live = new_live(spool, env, "r")
    live.record(Noted("picture", "x" * LARGE))
    holder, name = live.journal.header.holder, blobs_in(spool)[0].rpartition(".")[2]
    threads = []

    def noting(do):
        def noted(*args):
            threads.append(threading.current_thread())
            return do(*args)

        return noted

    noted_spool = SimpleNamespace(env=env, get_blob=noting(spool.get_blob))
    monkeypatch.setattr(http.zstandard, "compress", noting(http.zstandard.compress))
    async with http.RemoteArchive("http://127.0.0.1:9") as remote:
        lane = BlobLane(noted_spool, remote)
        lane.want(holder, name)
        monkeypatch.setattr(http, "INLINE_BYTES_MAX", LARGE - 1)
        lane.work()
        await asyncio.gather(*lane._tasks)
        await lane.aclose()
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    await live.close("left")
