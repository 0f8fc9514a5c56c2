"""What a store promises of the places of calls: never more than the limit, and none is lost."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from unbroken.archive.port import Taken
from unbroken.coordination.admission import (
    CALL,
    INSTALLATION,
    RETRY_S,
    USER,
    CallLimits,
    OpenedRoom,
)
from unbroken.coordination.lease import Pool
from unbroken.errors import LeaseLost, LimitReached
from unbroken.store.port import Store
from unbroken.testing.holders import Clock, Holder

OPEN_S = 120
ALL = Pool(CALL, INSTALLATION)
ANNS = Pool(CALL, USER, "ann")
THREADS, TRIES = 8, 20
ROOMS = 1_000


def at_most(installation: int | None = None, user: int | None = None) -> CallLimits:
    return CallLimits(installation, user, OPEN_S * 1_000_000)


async def take(store: Store, room: str, limits: CallLimits, **asked: Any) -> tuple[Holder, Taken]:
    """A new agent takes the session of this room."""
    holder = Holder(store.archive)
    request = holder.request(room, **asked)
    holder.taken = await store.archive.take(request, limits=limits)
    return holder, holder.taken


async def held(store: Store, pool: Pool = ALL) -> int:
    return (await store.leases.held([pool]))[pool]


class AdmissionContract:
    """Needs `store` and its `clock`."""

    async def test_one_room_more_than_there_may_be_is_refused(self, store: Store) -> None:
        two = at_most(2)
        for name in ("one", "two"):
            await store.rooms.admit(OpenedRoom(name), limits=two)
        with pytest.raises(LimitReached) as refused:
            await store.rooms.admit(OpenedRoom("three"), limits=two)
        assert 0 < refused.value.retry_s <= RETRY_S
        assert await held(store) == 2
        await store.rooms.admit(OpenedRoom("three"), limits=at_most(3))

    async def test_a_room_that_is_opened_again_has_the_place_it_had(
        self, store: Store, clock: Clock
    ) -> None:
        for _ in range(3):
            await store.rooms.admit(OpenedRoom("one"), limits=at_most(1))
            clock.advance(OPEN_S - 1)
        assert await held(store) == 1

    async def test_a_user_has_as_many_as_one_may_have(self, store: Store) -> None:
        one = at_most(user=1)
        await store.rooms.admit(OpenedRoom("one", user_id="ann"), limits=one)
        with pytest.raises(LimitReached):
            await store.rooms.admit(OpenedRoom("two", user_id="ann"), limits=one)
        for name, user_id in (("three", "bob\nand\nbo"), ("four", None)):
            await store.rooms.admit(OpenedRoom(name, user_id=user_id), limits=one)
        assert await held(store, ANNS) == 1

    async def test_who_is_refused_has_no_place_of_another_kind(self, store: Store) -> None:
        limits = at_most(9, 1)
        await store.rooms.admit(OpenedRoom("one", user_id="ann"), limits=limits)
        with pytest.raises(LimitReached):
            await store.rooms.admit(OpenedRoom("two", user_id="ann"), limits=limits)
        assert await held(store) == 1

    async def test_the_call_has_the_place_of_its_room_until_it_ends(
        self, store: Store, clock: Clock
    ) -> None:
        one = at_most(1, 1)
        await store.rooms.admit(OpenedRoom("one", user_id="ann"), limits=one)
        holder, taken = await take(store, "one", one, user_id="ann")
        clock.advance(10 * OPEN_S)
        assert (await held(store), await held(store, ANNS)) == (1, 1)
        with pytest.raises(LimitReached):
            await store.rooms.admit(OpenedRoom("two"), limits=one)
        await store.watch.end(taken.session_id, taken.term, holder.id, reason="done")
        assert (await held(store), await held(store, ANNS)) == (0, 0)
        await store.rooms.admit(OpenedRoom("two", user_id="ann"), limits=one)

    async def test_it_keeps_it_over_a_takeover_whatever_the_limit_is_by_then(
        self, store: Store
    ) -> None:
        three = at_most(3)
        for name in ("one", "two", "three"):
            holder, _ = await take(store, name, three)
            await holder.append(1, final="killed")
        _, taken = await take(store, "one", at_most(1))
        assert taken.term == 2
        assert await held(store) == 3

    async def test_a_call_that_began_without_a_limit_goes_on_with_one(self, store: Store) -> None:
        for name in ("one", "two"):
            holder, _ = await take(store, name, at_most())
            await holder.append(1, final="killed")
        assert await held(store) == 0
        for name in ("one", "two"):
            assert (await take(store, name, at_most(1)))[1].term == 2
        assert await held(store) == 2

    async def test_an_agent_that_nobody_opened_a_room_for_needs_a_place(self, store: Store) -> None:
        one = at_most(1)
        await take(store, "one", one)
        with pytest.raises(LimitReached):
            await take(store, "two", one)
        assert await held(store) == 1
        with pytest.raises(LimitReached):  # nothing of it was begun, so it is no call that goes on
            await take(store, "two", one)

    async def test_a_call_that_began_while_the_service_was_away_is_never_ended(
        self, store: Store
    ) -> None:
        one = at_most(1)
        await take(store, "one", one)
        await take(store, "two", one, is_begun=True)
        assert await held(store) == 2

    async def test_a_call_that_began_while_it_was_away_has_the_place_of_its_room(
        self, store: Store
    ) -> None:
        one = at_most(1)
        await store.rooms.admit(OpenedRoom("one"), limits=one)
        await take(store, "one", one, is_begun=True)
        assert await held(store) == 1

    async def test_what_is_no_agent_has_no_place_and_keeps_none(self, store: Store) -> None:
        one, saved = at_most(1), {"role": "backend", "agent_name": None, "is_begun": True}
        await take(store, "two", one, **saved)
        await take(store, "one", one, **saved)
        assert await held(store) == 0
        agent, taken = await take(store, "one", one)
        with pytest.raises(LimitReached):  # what was saved before is no call that goes on
            await take(store, "two", one)
        await store.watch.end(taken.session_id, taken.term, agent.id, reason="done")
        assert await held(store) == 0
        await take(store, "two", one)

    async def test_several_roles_of_a_call_are_one_call(self, store: Store) -> None:
        one = at_most(1)
        first, taken = await take(store, "one", one)
        second, also = await take(store, "one", one, role="notary", agent_name="notary")
        await store.watch.end(taken.session_id, taken.term, first.id, reason="done")
        assert await held(store) == 1
        await store.watch.end(also.session_id, also.term, second.id, reason="done")
        assert await held(store) == 0

    async def test_a_call_that_goes_on_is_opened_again_whatever_is_held(self, store: Store) -> None:
        _, taken = await take(store, "one", at_most())
        await store.rooms.admit(OpenedRoom("two"), limits=at_most(1))
        again = OpenedRoom("one", taken.conversation_id)
        await store.rooms.admit(again, limits=at_most(1))
        with pytest.raises(LimitReached):
            await store.rooms.admit(OpenedRoom("one"), limits=at_most(1))

    async def test_a_room_that_is_closed_or_cannot_be_opened_has_none(self, store: Store) -> None:
        one = at_most(1)
        for free in (store.rooms.leave, store.rooms.close):
            await store.rooms.admit(OpenedRoom("one"), limits=one)
            await free("one")
            assert await held(store) == 0
        await take(store, "one", one)
        await store.rooms.close("one")
        assert await held(store) == 1  # its agent is still there

    async def test_a_place_has_no_other_end(self, store: Store) -> None:
        await take(store, "one", at_most(1))
        (lease,) = await store.leases.list(limit=9)
        assert (lease.pool, lease.owner, lease.has_time) == (ALL, "one", False)
        with pytest.raises(LeaseLost):
            await store.leases.renew(lease.lease_id, ttl_us=1_000_000)

    async def test_a_thousand_rooms_that_nobody_came_to_are_all_free_in_time(
        self, store: Store, clock: Clock
    ) -> None:
        limits = at_most(ROOMS, 1)
        for n in range(ROOMS):
            await store.rooms.admit(OpenedRoom(f"room {n}", user_id=f"user {n}"), limits=limits)
        clock.advance(OPEN_S)
        assert await held(store) == 0
        for _ in range(ROOMS // 32):  # a few of those of others are cleared away with each new one
            await store.rooms.admit(OpenedRoom("new", user_id="ann"), limits=at_most(1, 1))
            await store.rooms.leave("new")
        assert await store.leases.list(limit=9) == []

    async def test_of_many_at_once_none_is_beyond_the_limit(self, store: Store) -> None:
        loop, most, over = asyncio.get_running_loop(), 3, list[int]()

        def now(work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        def some(thread: int) -> None:
            for n in range(TRIES):
                name = f"{thread} {n}"
                try:
                    now(store.rooms.admit(OpenedRoom(name), limits=at_most(most)))
                except LimitReached:
                    continue
                if (count := now(held(store))) > most:
                    over.append(count)
                now(store.rooms.leave(name))

        await _in_threads(some)
        assert over == []


async def _in_threads(work: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, work, n) for n in range(THREADS)))
