"""The floor of a room where answers are lost, and where several things happen at once."""

import asyncio

import pytest

from tests.coordination.test_floor import HANG_S, house, soon
from unbroken.coordination import floor_holding, holding
from unbroken.coordination.changes import StateChange
from unbroken.coordination.floor_said import KEY
from unbroken.coordination.stream import StateSnapshot
from unbroken.errors import ArchiveUnavailable, CallTaken, LeaseLost, Locked, NotFound, Unauthorized

__all__ = ["house"]

pytestmark = pytest.mark.timeout(HANG_S)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    monkeypatch.setattr(holding, "RELEASE_AGAIN_S", 0.01)
    monkeypatch.setattr(floor_holding, "REFUSED_S", 0.01)


def lost(done, times):
    """As `done`, whose first answers are lost: it was done."""
    left = iter(range(times))

    async def asked(*given, **more):
        answer = await done(*given, **more)
        if next(left, None) is not None:
            raise ArchiveUnavailable("no answer")
        return answer

    return asked


def away(done, times):
    """As `done`, which the first times is not done."""
    left = iter(range(times))

    async def asked(*given, **more):
        if next(left, None) is not None:
            raise ArchiveUnavailable("away")
        return await done(*given, **more)

    return asked


async def test_a_release_that_was_lost_does_not_silence_the_room(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    house.wire.release = away(house.wire.release, 2)
    await one.floor.take()
    await one.floor.release()
    house.wire.release = away(house.wire.release, 2)
    await other.floor.take()
    await other.floor.pass_to("assistant", 1)
    assert await one.floor.receive(int) == 1


async def test_a_grant_whose_answer_was_lost_is_asked_for_as_the_same(house):
    one = house.agent("assistant")
    house.wire.grant = lost(house.wire.grant, 3)
    house.wire.release = away(house.wire.release, 1_000_000)
    await one.floor.take()
    assert len(await house.wire.kept.list(limit=9)) == 1
    del house.wire.release


async def test_a_grant_that_nobody_waits_for_any_more_is_given_back(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    house.wire.grant = lost(house.wire.grant, 1_000_000)
    with pytest.raises(ArchiveUnavailable):
        await one.floor.take(wait_s=0.05)
    del house.wire.grant
    await other.floor.take()
    assert other.floor.is_held


async def test_who_has_it_again_asks_for_the_same_one_over_an_outage(house, monkeypatch):
    monkeypatch.setattr("unbroken.coordination.floor_holding.RESUME_S", 0.01)
    one = house.agent("assistant")
    await one.floor.take()
    asks, grant = set(), house.wire.grant

    async def asked(ask, *, wait_s=0.0):
        asks.add(ask.lease_id)
        await grant(ask, wait_s=wait_s)
        raise ArchiveUnavailable("no answer")

    house.wire.grant = asked
    asked_before = house.wire.asked
    one.holding._lease._lose(None)
    await soon(lambda: house.wire.asked > asked_before + 5)
    house.wire.grant = grant
    await soon(lambda: one.floor.is_held)
    assert one.holding._lease._ask.lease_id in asks


async def test_the_end_of_an_earlier_grant_takes_nothing_away(house):
    one = house.agent("assistant")
    await one.floor.take()
    earlier = one.holding._lease
    await one.floor.release()
    await one.floor.take()
    earlier._lose(None)
    assert (one.floor.is_held, one.cuts) == (True, 0)


async def test_the_floor_that_was_left_while_it_was_lost_does_not_come_back(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    async with one.floor():
        house.wire.grant = away(house.wire.grant, 1_000_000)
        one.holding._lease._lose(None)
        await asyncio.sleep(0.02)
        del house.wire.grant
    await soon(one.holding._regaining.done)
    assert not one.floor.is_held
    await other.floor.take(wait_s=floor_holding.CLAIM_S - 1)  # at once: it is nobody's


async def test_the_floor_that_was_left_in_an_outage_does_not_come_back(house, monkeypatch):
    monkeypatch.setattr("unbroken.coordination.floor_holding.CLAIM_S", 0.1)
    one, other = house.agent("assistant"), house.agent("supervisor")
    async with one.floor():
        house.wire.error = ArchiveUnavailable("away")
        one.holding._lease._lose(None)
    house.wire.error = None
    await other.floor.take()
    assert one.holding._regaining.done()
    assert (one.floor.is_held, other.floor.is_held) == (False, True)


async def test_the_floor_that_is_lost_while_it_is_released_does_not_come_back(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    one.plays.clear()
    releasing = asyncio.create_task(one.floor.release())
    await asyncio.sleep(0)
    one.holding._lease._lose(None)
    one.plays.set()
    await releasing
    assert one.holding._regaining.done()
    await other.floor.take()
    assert not one.floor.is_held


async def test_a_wait_behind_another_task_has_an_end(house):
    one, other = house.agent("assistant"), house.agent("supervisor")
    await one.floor.take()
    waiting = asyncio.create_task(other.floor.take())
    await asyncio.sleep(0)
    for wait_s in (0, 0.05):
        with pytest.raises(Locked):
            await other.floor.take(wait_s=wait_s)
    await one.floor.release()
    await waiting
    await other.floor.take(wait_s=0)


async def test_the_last_one_within_releases_it(house):
    one, may_leave = house.agent("assistant"), asyncio.Event()

    async def speak():
        async with one.floor():
            await may_leave.wait()

    speaking = asyncio.create_task(speak())
    await soon(lambda: one.floor.is_held)
    async with one.floor():
        pass
    assert one.floor.is_held
    may_leave.set()
    await speaking
    assert not one.floor.is_held


async def test_who_comes_while_the_last_word_is_played_keeps_it(house):
    one = house.agent("assistant")

    async def speak():
        async with one.floor():
            one.plays.clear()

    speaking = asyncio.create_task(speak())
    await soon(lambda: one.floor.is_held and not one.plays.is_set())
    await asyncio.sleep(0)
    async with one.floor():
        one.plays.set()
        await speaking
        assert one.floor.is_held
    assert not one.floor.is_held


async def test_a_store_that_went_back_says_whose_the_floor_is(house):
    one = house.agent("assistant")
    await soon(one.holding._known.is_set)
    one.following.cancel()
    now = StateSnapshot(9, [StateChange(KEY, 8, b'{"role": "barker"}', 0)])
    restored = StateSnapshot(5, [StateChange(KEY, 4, b'{"role": "assistant"}', 0)])
    seen = []

    async def watch(_prefix):
        for told in (now, restored, StateChange(KEY, 6, b'{"role": "supervisor"}', 0)):
            yield told
            seen.append(one.floor.holder)
        await asyncio.Event().wait()

    one.room.watch = watch
    one.following = asyncio.create_task(one.holding.follow())
    await soon(lambda: len(seen) == 3)
    assert seen == ["barker", "assistant", "supervisor"]


@pytest.mark.parametrize("refusal", [NotFound("no session"), CallTaken("term 2 is over")])
async def test_a_store_that_does_not_know_the_term_yet_is_asked_again(house, refusal):
    one = house.agent("assistant")
    await one.floor.take()
    house.wire.error = refusal
    asked = house.wire.asked
    one.holding._lease._lose(LeaseLost("no such lease"))
    await soon(lambda: house.wire.asked > asked + 2)
    house.wire.error = None
    await soon(lambda: one.floor.is_held)


async def test_what_is_no_outage_ends_no_watch(house, caplog):
    one, other = house.agent("assistant"), house.agent("supervisor")
    watch, refused = other.room.watch, []

    async def refusing(prefix):
        if len(refused) < 2:
            refused.append(prefix)
            raise Unauthorized("another key")
        async for told in watch(prefix):
            yield told

    other.following.cancel()
    other.room.watch = refusing
    other.following = asyncio.create_task(other.holding.follow())
    receiving = asyncio.create_task(other.floor.receive(int))
    await one.floor.take()
    await one.floor.pass_to("supervisor", 1)
    assert await receiving == 1
    assert "another key" in caplog.text
