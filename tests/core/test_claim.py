"""A session that is refused concerns its journal alone: by rule, and for as long as need be."""

import asyncio

import msgspec
import pytest

from tests.core.archives import Between, Later
from tests.core.conftest import new_header
from tests.core.test_keeper import log_of, until
from unbroken.archive.port import HostBatch
from unbroken.archive.taking import request_of
from unbroken.errors import CallTaken, InvalidInput, NotFound, TooLarge
from unbroken.journal.ack import FENCED
from unbroken.keeper import Keeper
from unbroken.keeper.claim import EARLY_US, PATIENCE_US, SLOW_S
from unbroken.live.live import Live
from unbroken.log.entries import Noted


def new_live(spool, env, room: str, **said) -> Live:
    header = new_header(env, spool, room=room, sid=f"RM_{room[:9]}")
    return Live.open(spool, msgspec.structs.replace(header, **said))


async def steps(keeper: Keeper, env: Later, count: int, step_us: int) -> None:
    for _ in range(count):
        await keeper.step()
        env.ahead_us += step_us


@pytest.mark.parametrize("error", [NotFound("404"), InvalidInput("422"), CallTaken("409")])
async def test_what_is_refused_is_kept_and_offered_again_slowly(spool, env, between, error):
    bad, good = new_live(spool, env, "bad"), new_live(spool, env, "good")
    between.on_take = lambda asked: error if asked.room_name == "bad" else None
    keeper = Keeper(spool, between)
    bad.record(Noted("a"))
    good.record(Noted("a"))
    await until(keeper, lambda: good.ack.acked == 1)
    await steps(keeper, env, 40, PATIENCE_US // 10)
    between.takes.clear()
    await steps(keeper, env, 40, int(SLOW_S * 1e6) // 10)  # four minutes
    assert 2 <= len(between.takes) <= 9
    good.record(Noted("b"))
    await until(keeper, lambda: good.ack.acked == 2)
    assert env.exists(spool.journal(bad.journal.header.holder))
    assert keeper._tails[bad.journal.header.holder].degraded
    assert bool(bad.ack.flags & FENCED) == isinstance(error, CallTaken)
    between.on_take = lambda _: None
    env.ahead_us += int(SLOW_S * 1e6)
    await until(keeper, lambda: bad.ack.acked == 1)
    assert not bad.ack.flags
    for live in (bad, good):
        await live.close("left")


@pytest.mark.parametrize("room", ["r" * 600, "nul\0"])
async def test_names_that_no_store_takes_become_a_call_of_its_own(spool, env, store, between, room):
    live = new_live(spool, env, room, user_id="u" * 600)
    live.record(Noted("a"))
    await until(Keeper(spool, between), lambda: live.ack.acked == 1)
    assert [e.kind for e in await log_of(store, live.session_id)] == ["note"]
    assert live.ack.flags == 0
    await live.close("left")


async def test_a_proxys_413_decides_nothing(spool, env, between):
    live = new_live(spool, env, "r", wanted_session_id=env.new_id())
    live.record(Noted("a"))
    between.on_take = lambda _: TooLarge("413")
    keeper = Keeper(spool, between)
    await steps(keeper, env, 60, PATIENCE_US // 10)
    assert all(asked.session_id == live.journal.header.wanted_session_id for asked in between.takes)
    await live.close("left")


async def owner(spool, env, store) -> Live:
    """Somebody else has the session of the room."""
    live = new_live(spool, env, "room")
    live.record(Noted("owner's"))
    await until(Keeper(spool, store.archive), lambda: live.ack.acked == 1)
    return live


async def killed(spool, env, store) -> None:
    """Somebody had the session of the room, and died."""
    live = await owner(spool, env, store)
    keeper = Keeper(spool, store.archive)
    await live.close("crashed")
    holder = live.journal.header.holder
    await until(keeper, lambda: holder in keeper._tails and keeper._tails[holder].is_over)


async def test_who_is_refused_is_told_at_once_and_written_beside_the_log(
    spool, env, store, between
):
    first = await owner(spool, env, store)
    second = new_live(spool, env, "room")
    for number in range(5):
        second.record(Noted("n", number))
    keeper = Keeper(spool, between)
    await until(keeper, lambda: second.is_fenced)
    tail = keeper._tails[second.journal.header.holder]
    await until(keeper, lambda: tail.stored == 5)
    side = await store.archive.side_entries(first.session_id, limit=99)
    assert [(e.reason, e.entry.seq) for e in side] == [("unowned", n) for n in range(1, 6)]
    assert second.ack.acked == 0
    assert len(await log_of(store, first.session_id)) == 1
    await second.close("left")
    await until(keeper, lambda: tail.is_over)
    await first.close("left")


async def test_the_decision_stands_for_every_later_keeper(spool, env, store, between):
    """Also when the owner's call is over: what was refused never becomes a second call."""
    first = await owner(spool, env, store)
    second = new_live(spool, env, "room")
    second.record(Noted("a"))
    await until(Keeper(spool, between), lambda: second.is_fenced)
    await first.close("ended")
    await until(Keeper(spool, between), lambda: True)
    second.record(Noted("b"))
    between.takes.clear()
    keeper = Keeper(spool, between)
    holder = second.journal.header.holder
    await until(keeper, lambda: holder in keeper._tails and keeper._tails[holder].stored == 2)
    assert [asked for asked in between.takes if asked.holder == holder] == []
    assert len(await store.archive.side_entries(first.session_id, limit=99)) == 2
    assert (second.is_fenced, second.ack.acked) == (True, 0)
    await second.close("left")


async def test_an_agent_that_began_as_new_leaves_a_call_that_it_has_not_read(
    spool, env, store, between
):
    """The service was slow when it asked, and the one who had the session died meanwhile."""
    await killed(spool, env, store)
    second = new_live(spool, env, "room", agent_name="a")
    second.record(Noted("greeting"))
    keeper = Keeper(spool, between)

    def tail():
        return keeper._tails[second.journal.header.holder]

    await until(keeper, lambda: second.is_fenced and tail().stored == 1)
    await second.close("left")
    await until(keeper, lambda: tail().is_over)
    third = new_header(env, spool, room="room", sid="RM_room")
    taken = await between.take(request_of(third))
    assert (taken.base, [e.term for e in taken.entries]) == (1, [1])
    assert taken.crashes == 1  # of the first: so the third goes on where that one was cut
    (side,) = await store.archive.side_entries(taken.session_id, limit=99)
    assert (side.reason, side.entry.seq) == ("unowned", 1)


async def test_an_agent_that_talks_for_long_without_the_service_keeps_its_call(
    spool, env, store, between
):
    await killed(spool, env, store)
    began_us = env.now_us() - EARLY_US
    second = new_live(spool, env, "room", agent_name="a", started_at_us=began_us)
    second.record(Noted("a long talk"))
    await until(Keeper(spool, between), lambda: second.ack.acked == 1)
    assert (second.is_fenced, second.term) == (False, 2)
    assert len(await log_of(store, second.session_id)) == 2
    await second.close("left")


async def test_a_take_that_hangs_delays_no_words(spool, env, between):
    class Hanging(Between):
        async def take(self, request):
            if request.room_name == "slow":
                await asyncio.Event().wait()
            return await super().take(request)

    slow = [new_live(spool, env, "slow", role=f"role {k}") for k in range(3)]
    good = new_live(spool, env, "good")
    for live in (*slow, good):
        live.record(Noted("a"))
    keeper = Keeper(spool, Hanging(between.inner))
    keeping = asyncio.create_task(keeper.run())
    async with asyncio.timeout(60):
        while good.ack.acked < 1:
            await asyncio.sleep(0.01)
        good.record(Noted("b"))
        while good.ack.acked < 2:
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    for live in (*slow, good):
        await live.close("left")


async def test_a_fenced_holder_is_confirmed_up_to_its_end_by_every_keeper(
    spool, env, store, between
):
    """What it wrote behind its end is kept beside the log, and never acknowledged."""
    live = new_live(spool, env, "room", agent_name="a")
    keeper = Keeper(spool, between)
    for number in range(3):
        live.record(Noted("n", number))
    await until(keeper, lambda: live.ack.acked == 3)
    holder = live.journal.header.holder
    await store.watch.orphan(live.session_id, 1, holder, cause="host_lost")
    await between.take(request_of(new_header(env, spool, room="room", sid="RM_room")))
    for number in range(3, 5):
        live.record(Noted("n", number))
    await until(keeper, lambda: keeper._tails[holder].stored == 5)
    assert (live.is_fenced, live.ack.acked) == (True, 3)
    later = Keeper(spool, between)
    await later.step()
    await until(later, lambda: later._tails[holder].stored == 5)
    assert (live.is_fenced, live.ack.acked) == (True, 3)
    side = await store.archive.side_entries(live.session_id, limit=99)
    assert [(e.reason, e.entry.seq) for e in side] == [("late", 4), ("late", 5)]
    await live.close("left")


async def test_a_loss_is_told_before_anything_behind_it_is_confirmed(spool, env, between):
    live = new_live(spool, env, "room")
    live.record(Noted("before"))
    live.record(Noted("big", ["many short parts"] * 20_000))
    live.record(Noted("after"))
    told: list[tuple[int, int]] = []

    def sees(batch: HostBatch) -> None:
        told.append((live.ack.acked, live.ack.lost_count))

    between.on_append = sees
    keeper = Keeper(spool, between)
    await until(keeper, lambda: live.ack.acked == 3)
    assert live.ack.lost_since(0) == [2]
    assert all(lost == 1 for acked, lost in told if acked >= 2)
    again = Keeper(spool, between)
    await again.step()
    await until(again, lambda: again._tails[live.journal.header.holder]._knows_head)
    assert live.ack.lost_count == 1  # told once
    await live.close("left")
