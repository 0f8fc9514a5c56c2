"""`State`, as agents use it: the same in memory and on a service."""

import asyncio
import functools
from contextlib import aclosing

import pytest

from unbroken.coordination.lease import LOCK, LeaseAsk, LockFence, Pool
from unbroken.coordination.scope import StateOwner
from unbroken.coordination.state import State
from unbroken.coordination.stream import StateSnapshot
from unbroken.env import Host
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    OldFence,
    OtherVersion,
    TooLarge,
)

HANG_S = 60  # what is told at all is told within a second


@pytest.fixture
def owner():
    return StateOwner("room", f"room/{Host().new_id()}")


@pytest.fixture
async def state(owner, wire):
    async with State(owner, wire, Host()) as state:
        yield state


@pytest.fixture
async def other(owner, wire):
    """The same one, as another process sees it."""
    async with State(owner, wire, Host()) as other:
        yield other


async def until(condition):
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.005)


async def first(count, told):
    found = []
    async with asyncio.timeout(HANG_S), aclosing(told):
        async for one in told:
            found.append(one)
            if len(found) == count:
                return found
    raise AssertionError("it has ended")


async def test_one_reads_what_one_has_written(state):
    version = await state.set("order", {"table": 7})
    assert (state.get("order"), state.version("order")) == ({"table": 7}, version)
    assert await state.patch("order", {"for": "Ann"}) == {"table": 7, "for": "Ann"}
    assert await state.inc("calls") == 1
    assert await state.inc("calls", 0.5) == 1.5
    assert state.values() == {"calls": 1.5, "order": {"table": 7, "for": "Ann"}}
    assert state.values("ord") == {"order": {"table": 7, "for": "Ann"}}
    assert await state.delete("order")
    assert not await state.delete("order")
    assert state.get("order", "none") == "none"
    assert state.version("order") == 0


async def test_what_is_read_is_ones_own(state):
    await state.set("list", [1])
    state.get("list").append(2)
    assert state.get("list") == [1]


async def test_others_see_it(state, other):
    await state.set("a", 1)
    await until(lambda: other.get("a") == 1)
    await other.delete("a")
    await until(lambda: state.get("a") is None)


async def test_who_comes_late_knows_all(state, owner, wire):
    for n in range(600):  # more than one page
        await state.set(f"k{n:03}", n)
    async with State(owner, wire, Host()) as late:
        assert late.values() == {f"k{n:03}": n for n in range(600)}
        assert late.revision == state.version("k599")


async def test_nothing_is_read_before_it_is_there(owner, wire):
    state = State(owner, wire, Host())
    with pytest.raises(ArchiveUnavailable):
        state.get("a")
    await state.set("a", 1)
    await state.ready()
    assert state.get("a") == 1
    await state.aclose()


async def test_an_expected_version_is_a_condition(state, other):
    version = await state.set("a", 1, if_version=0)
    await other.set("a", 2, if_version=version)
    for asked in (
        state.set("a", 3, if_version=version),
        state.set("a", 3, if_version=0),
        state.patch("a", {}, if_version=version),
        state.delete("a", if_version=version),
    ):
        with pytest.raises(OtherVersion):
            await asked


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("a", "x" * (256 << 10), TooLarge),
        ("a", functools.reduce(lambda inner, _: [inner], range(150), []), TooLarge),
        ("", 1, InvalidInput),
        ("watch", 1, InvalidInput),
        ("a\n", 1, InvalidInput),
        ("x" * 257, 1, InvalidInput),
        ("a", object(), InvalidInput),
        ("a", "\ud800", InvalidInput),
    ],
)
async def test_what_cannot_be_kept_is_refused(state, key, value, error):
    with pytest.raises(error):
        await state.set(key, value)
    assert state.values() == {}


async def test_only_numbers_are_added_to(state):
    await state.set("a", "text")
    with pytest.raises(Conflict):
        await state.inc("a")
    with pytest.raises((Conflict, InvalidInput)):
        await state.inc("b", float("inf"))


async def test_who_lost_the_lock_changes_nothing(state, other, leases):
    lock = f"menu/{Host().new_id()}"
    fences = []
    for _ in range(2):
        asked = LeaseAsk(lease_id=Host().new_id(), pool=Pool(LOCK, lock), ttl_us=60_000_000)
        fences.append(LockFence(lock, (await leases.grant(asked)).fence))
        await state.set("a", 1, fence=fences[-1])
        await leases.release(asked.lease_id)
    old, fence = fences
    for asked in (
        state.set("a", 2, fence=old),
        state.patch("a", {}, fence=old),
        state.inc("a", fence=old),
        state.delete("a", fence=old),
    ):
        with pytest.raises(OldFence):
            await asked
    assert await other.inc("a", fence=fence) == 2
    assert await other.patch("a", 7, fence=fence) == 7
    assert await other.delete("a", fence=fence)


@pytest.mark.parametrize("key", [".", "..", "a/b", "a%2Fb", "ä ?#&", "'\"\\"])
async def test_any_name_is_a_key(state, other, key):
    await state.set(key, key)
    assert await state.inc(f"{key}n") == 1
    await until(lambda: other.get(key) == key)
    assert await other.delete(key)


async def test_a_watch_begins_with_what_is_there(state):
    await state.set("a", 1)
    version = await state.set("b", 2)
    told = state.watch()
    (snapshot,) = await first(1, told)
    assert snapshot == StateSnapshot(version, snapshot.changes)
    assert snapshot.values == {"a": 1, "b": 2}


async def test_a_watch_goes_on_behind_a_revision(state):
    begun = await state.set("a", 0)
    versions = [await state.set("a/1", n) for n in range(3)] + [await state.inc("b")]
    await state.delete("a")
    found = await first(5, state.watch(since=begun))
    assert [(c.key, c.value) for c in found] == [
        ("a/1", 0), ("a/1", 1), ("a/1", 2), ("b", 1), ("a", None)
    ]  # fmt: skip
    assert [c.version for c in found][:3] == versions[:3]
    assert found[-1].is_deleted
    of_prefix = await first(3, state.watch("a/", since=begun))
    assert [c.value for c in of_prefix] == [0, 1, 2]


async def test_a_watch_of_what_is_no_longer_known_says_so(state):
    version = await state.set("a", 1)
    (snapshot,) = await first(1, state.watch(since=version - 7))
    assert isinstance(snapshot, StateSnapshot)
    assert snapshot.values == {"a": 1}


async def test_of_many_patches_at_once_none_is_lost(state, other):
    await asyncio.gather(*((state, other)[n % 2].patch("all", {str(n): n}) for n in range(100)))
    await until(lambda: len(state.get("all")) == len(other.get("all")) == 100)
