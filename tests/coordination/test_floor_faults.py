"""The floor of a room where answers are lost, and where several things happen at once."""

import asyncio

import pytest

from tests.coordination.test_floor import HANG_S, house, soon
from unbroken.coordination import holding
from unbroken.errors import ArchiveUnavailable

__all__ = ["house"]

pytestmark = pytest.mark.timeout(HANG_S)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch):
    monkeypatch.setattr(holding, "RELEASE_AGAIN_S", 0.01)


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
