"""What goes wrong with one session's requests, and what it may cost the others: nothing."""

import asyncio
import logging

import pytest

from tests.core.archives import Between
from tests.core.conftest import new_header
from tests.core.files import closed, dead_header, entry, lay, open_files
from tests.core.test_keeper import log_of, until
from unbroken.archive.port import HostAnswer, HostBatch
from unbroken.errors import ArchiveUnavailable, InvalidInput, TooLarge, Unauthorized
from unbroken.journal.ack import DEGRADED
from unbroken.journal.trouble import Trouble, describe
from unbroken.keeper import Keeper
from unbroken.keeper.beat import KeeperBeat
from unbroken.keeper.shipping import BYTES_MIN
from unbroken.live.live import Live
from unbroken.log.cause import CRASHED
from unbroken.log.entries import Noted


def new_live(spool, env, room: str) -> Live:
    return Live.open(spool, new_header(env, spool, room=room, sid=f"RM_{room}"))


def has(batch: HostBatch, word: bytes) -> bool:
    return any(word in entry.payload for part in batch.batches for entry in part.entries)


def refusing(word: bytes, error=None):
    return lambda batch: (error or ArchiveUnavailable("500")) if has(batch, word) else None


@pytest.mark.parametrize("error", [ArchiveUnavailable("500"), InvalidInput("400")])
async def test_a_request_that_fails_costs_the_session_that_made_it_fail(spool, env, between, error):
    lives = [new_live(spool, env, f"r{k}") for k in range(9)]
    between.on_append = refusing(b"poison", error)
    for live in lives:
        live.record(Noted("well"))
    lives[4].record(Noted("poison"))
    lives[4].record(Noted("behind"))
    for live in lives:
        live.record(Noted("later"))
    keeper = Keeper(spool, between)
    others = [live for live in lives if live is not lives[4]]
    await until(keeper, lambda: all(live.ack.acked == 2 for live in others))
    await until(keeper, lambda: lives[4].ack.acked == 1)  # what stands before the bad one
    await until(keeper, lambda: lives[4].ack.flags & DEGRADED)
    asked = len(between.appends)
    for _ in range(50):
        await keeper.step()
    assert len(between.appends) - asked < 25  # it pauses
    between.on_append = lambda _: None
    await until(keeper, lambda: lives[4].ack.acked == 4)
    assert not lives[4].ack.flags & DEGRADED
    for live in lives:
        await live.close("left")


async def test_an_archive_that_is_away_is_one_pause_for_all(spool, env, between):
    lives = [new_live(spool, env, f"r{k}") for k in range(20)]
    keeper = Keeper(spool, between)
    for live in lives:
        live.record(Noted("a"))
    await until(keeper, lambda: all(live.ack.acked == 1 for live in lives))
    between.on_append = lambda _: Unauthorized("401")
    for live in lives:
        live.record(Noted("b"))
    between.appends.clear()
    for _ in range(300):
        await keeper.step()
    assert len(between.appends) < len(lives)  # one pause, and not one for each of them
    assert all(live.ack.flags & DEGRADED for live in lives)
    between.on_append = lambda _: None
    await until(keeper, lambda: all(live.ack.acked == 2 for live in lives))
    assert not any(live.ack.flags & DEGRADED for live in lives)
    for live in lives:
        await live.close("left")


async def test_a_hung_request_stops_neither_looking_nor_the_lease(spool, env, between):
    live = new_live(spool, env, "r")

    class Hanging(Between):
        async def append(self, batch: HostBatch) -> HostAnswer:
            if has(batch, b"hang"):
                self.appends.append(batch)
                await asyncio.Event().wait()
            return await super().append(batch)

    hanging = Hanging(between.inner)
    keeper = Keeper(spool, hanging)
    keeping = asyncio.create_task(keeper.run())
    live.record(Noted("hang"))
    async with asyncio.timeout(60):
        while not any(has(batch, b"hang") for batch in hanging.appends):
            await asyncio.sleep(0.01)
        beats, asked = KeeperBeat.open(spool).beats, len(hanging.appends)
        await live.close("left")
        while keeper._tails[live.journal.header.holder].is_living:
            await asyncio.sleep(0.01)
        while len(hanging.appends) < asked + 2:  # the lease is renewed beside it
            await asyncio.sleep(0.01)
    assert not any(batch.batches for batch in hanging.appends[asked:])
    assert KeeperBeat.open(spool).beats > beats
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_the_lease_is_renewed_when_nothing_can_be_shipped(spool, env, between):
    live = new_live(spool, env, "r")
    between.on_take = lambda _: ArchiveUnavailable("500")
    live.record(Noted("a"))
    keeper = Keeper(spool, between)
    for _ in range(5):
        await keeper.step()
        env.ahead_us += 1_000_001
    assert [len(batch.batches) for batch in between.appends] == [0] * 5
    await live.close("left")


async def test_a_413_halves_requests_and_they_grow_again(spool, env, between):
    lives = [new_live(spool, env, f"r{k}") for k in range(3)]
    sizes: list[int] = []

    def narrow(batch: HostBatch):
        sizes.append(sum(len(e.payload) for part in batch.batches for e in part.entries))
        return TooLarge("413") if sizes[-1] > limit else None

    limit = 20_000
    between.on_append = narrow
    for live in lives:
        for _ in range(100):
            live.record(Noted("n", "x" * 1_000))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: all(live.ack.acked == 100 for live in lives))
    assert keeper._shipping._bytes_max <= limit
    limit = 1 << 30
    env.ahead_us += 10_000_001
    for live in lives:
        live.record(Noted("n"))
    await until(keeper, lambda: all(live.ack.acked == 101 for live in lives))
    for _ in range(12):
        env.ahead_us += 1_000_001
        await keeper.step()
    sizes.clear()
    for live in lives:
        for _ in range(100):
            live.record(Noted("n", "x" * 1_000))
    await until(keeper, lambda: all(live.ack.acked == 201 for live in lives))
    assert max(sizes) > 100_000  # however little of it was read at once
    assert all(live.ack.lost_count == 0 for live in lives)
    for live in lives:
        await live.close("left")


async def test_an_entry_that_is_too_large_alone_is_lost_with_its_reason(spool, env, store, between):
    live, other = new_live(spool, env, "r"), new_live(spool, env, "other")
    large = ["short parts"] * 3_000
    between.on_append = lambda b: TooLarge("413") if _size(b) > 30_000 else None
    for number in range(3):
        live.record(Noted("n", number))
        other.record(Noted("n", number))
    live.record(Noted("large", large))
    live.record(Noted("behind"))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 5 and other.ack.acked == 3)
    log = await log_of(store, live.session_id)
    assert [e.kind for e in log] == ["note"] * 3 + ["lost", "note"]
    assert log[3].payload == b'{"cause":"too_large","kind":"note"}'
    assert live.ack.lost_since(0) == [4]
    for one in (live, other):
        await one.close("left")


def _size(batch: HostBatch) -> int:
    return sum(len(e.payload) for part in batch.batches for e in part.entries)


async def test_a_413_in_passing_costs_no_entry(spool, env, between):
    live = new_live(spool, env, "r")
    between.on_append = lambda batch: TooLarge("413") if _size(batch) else None
    live.record(Noted("small"))
    keeper = Keeper(spool, between)
    for _ in range(200):
        env.ahead_us += 500_000
        await keeper.step()
    assert keeper._shipping._bytes_max >= BYTES_MIN
    between.on_append = lambda _: None
    for number in range(300):
        live.record(Noted("n", number))
    between.appends.clear()
    env.ahead_us += 100_000_000
    await until(keeper, lambda: live.ack.acked == 301)
    assert sum(bool(_size(batch)) for batch in between.appends) < 20
    assert live.ack.lost_count == 0
    await live.close("left")


async def test_an_answer_about_other_sessions_confirms_nothing(spool, env, between):
    class Mixed(Between):
        is_mixed = False

        async def append(self, batch: HostBatch) -> HostAnswer:
            answer = await super().append(batch)
            if not self.is_mixed or not answer.batches:
                return answer
            return HostAnswer(store=answer.store, now_us=answer.now_us, batches=())

    live = new_live(spool, env, "r")
    mixed = Mixed(between.inner)
    keeper = Keeper(spool, mixed)
    live.record(Noted("a"))
    await until(keeper, lambda: live.ack.acked == 1)
    mixed.is_mixed = True
    live.record(Noted("b"))
    for _ in range(20):
        env.ahead_us += 100_000
        await keeper.step()
    assert live.ack.acked == 1
    mixed.is_mixed = False
    await until(keeper, lambda: live.ack.acked == 2)
    await live.close("left")


async def test_a_mark_that_is_refused_costs_no_entry(spool, env, store, between):
    live = new_live(spool, env, "r")
    live.record(Noted("a"))
    live.journal.mark(b"x" * (300 << 10))  # beyond what the store takes
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 1)
    for number in range(2):
        env.ahead_us += 1_000_001
        live.record(Noted("later", number))
        await until(keeper, lambda: live.ack.acked == live.journal.appended)
    assert [e.kind for e in await log_of(store, live.session_id)] == ["note"] * 3
    await live.close("left")


async def test_what_is_wrong_is_told_to_the_service_and_once_to_the_log(
    spool, env, between, caplog
):
    live = new_live(spool, env, "r")
    between.on_append = refusing(b"poison")
    live.record(Noted("a"))
    live.record(Noted("poison"))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 1)
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            env.ahead_us += 1_000_000
            await keeper.step()
    said = [r.getMessage() for r in caplog.records if "its requests fail" in r.getMessage()]
    assert len(said) <= 1
    told = [p.degraded for batch in between.appends[-9:] for p in batch.batches if not p.entries]
    assert told
    assert all("500" in words for words in told)
    between.on_append = lambda _: None
    env.ahead_us += 100_000_000
    await until(keeper, lambda: live.ack.acked == 2)
    env.ahead_us += 1_000_001
    await until(keeper, lambda: between.appends[-1].batches[0].degraded is None)
    await live.close("left")


async def test_an_agents_own_trouble_goes_with_the_next_batch(spool, env, between, caplog):
    live = new_live(spool, env, "r")
    live.record(Noted("a"))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 1)
    with caplog.at_level(logging.WARNING):
        for trouble in (Trouble.FULL, Trouble.NONE):
            live.ack.tell(trouble)
            env.ahead_us += 1_000_001
            await keeper.step()
            assert between.appends[-1].batches[0].degraded == describe(trouble)
    assert "the disk is full" in caplog.text
    assert "well again" in caplog.text
    await live.close("left")


async def test_the_end_is_told_only_when_all_is_shipped(spool, env, store, between):
    """A keeper that has not yet read all must not send for a successor."""
    live = new_live(spool, env, "r")
    for number in range(3_000):  # more than is read ahead
        live.record(Noted("n", number))
    env.unlock(spool.lock(live.journal.header.holder))  # SIGKILL
    keeper = Keeper(spool, between)
    await until(keeper, lambda: any(t.is_over for t in keeper._tails.values()))
    finals = [part for batch in between.appends for part in batch.batches if part.final]
    assert [part.final for part in finals] == [CRASHED]
    assert finals[0].first + len(finals[0].entries) == 3_001


@pytest.mark.parametrize("error", [None, ArchiveUnavailable("away")])
async def test_journals_of_the_dead_hold_no_descriptor(spool, env, between, error):
    for _ in range(20):
        lay(spool, dead_header(env, spool), entry(1), closed(1))
    between.on_append = between.on_take = lambda _: error
    keeper = Keeper(spool, between)
    for _ in range(20):  # a look reads no longer than READ_US, which may be one journal
        await keeper.step()
    for _ in range(10):
        await keeper.step()
        assert open_files(spool.folder) == []
    assert all(tail.is_over for tail in keeper._tails.values()) == (error is None)
