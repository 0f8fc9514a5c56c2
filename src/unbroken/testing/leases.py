"""What grants locks, slots and windows promises, in a store and in memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from unbroken.archive.port import Archive
from unbroken.coordination.coordinator import Windows
from unbroken.coordination.lease import (
    LOCK,
    SLOT,
    Lease,
    LeaseAnswer,
    LeaseAsk,
    Pool,
    Refused,
    SessionTerm,
)
from unbroken.coordination.rate import window
from unbroken.errors import CallTaken, Conflict, LeaseLost, NotFound
from unbroken.store.port import Store
from unbroken.testing.holders import ENV, Clock, Holder

DOOR, CALLS = Pool(LOCK, "door"), Pool(SLOT, "calls", "ann")
TTL_S = 5
THREADS, TRIES = 8, 25


def ask(pool: Pool = DOOR, **changed: Any) -> LeaseAsk:
    values: dict[str, Any] = {"lease_id": ENV.new_id(), "pool": pool, "ttl_us": TTL_S * 1_000_000}
    return LeaseAsk(**values | changed)


async def granted(store: Store, pool: Pool = DOOR, **changed: Any) -> Lease:
    answer = await store.leases.grant(ask(pool, **changed))
    assert isinstance(answer, Lease)
    return answer


async def is_free(store: Store, pool: Pool = DOOR, **changed: Any) -> bool:
    """Whether it is granted now; then it is released at once."""
    answer = await store.leases.grant(ask(pool, **changed))
    if isinstance(answer, Lease):
        await store.leases.release(answer.lease_id)
    return isinstance(answer, Lease)


class WindowsContract:
    """What counts windows. Needs `windows` and their `clock`."""

    async def test_a_window_has_its_limit_and_no_more(self, windows: Windows, clock: Clock) -> None:
        asked = window("sms", "ann", limit=3, per_s=10)
        for _ in range(3):
            assert await windows.admit(asked) is None
            clock.advance(1)
        refused = await windows.admit(asked)
        assert refused is not None
        assert 6 < refused.retry_s <= 7
        clock.advance(7.1)  # the first one has left, the others have not
        assert await windows.admit(asked) is None
        assert await windows.admit(asked) is not None

    async def test_in_no_stretch_of_time_there_are_more(
        self, windows: Windows, clock: Clock
    ) -> None:
        asked, admitted = window("sms", "", limit=4, per_s=2), []
        for n in range(60):
            clock.advance((0.05, 0.9, 0.3)[n % 3])
            at_us = clock.now_us()
            if await windows.admit(asked) is None:
                admitted.append(at_us)
        assert len(admitted) > 30
        spans = [b - a for a, b in zip(admitted, admitted[4:], strict=False)]
        assert min(spans) > 2_000_000 - 100_000  # of the test's clock, which is read before

    async def test_who_is_refused_is_not_counted(self, windows: Windows, clock: Clock) -> None:
        asked = window("sms", "ann", limit=1, per_s=10)
        assert await windows.admit(asked) is None
        for _ in range(9):
            clock.advance(1)
            assert await windows.admit(asked) is not None
        clock.advance(1.1)
        assert await windows.admit(asked) is None

    async def test_windows_have_nothing_in_common(self, windows: Windows) -> None:
        for name, key, per_s in (("a", "x", 9), ("a", "y", 9), ("b", "x", 9), ("a", "x", 8)):
            asked = window(name, key, limit=1, per_s=per_s)
            assert await windows.admit(asked) is None
            assert await windows.admit(asked) is not None

    async def test_each_has_its_own_limit_in_one_window(self, windows: Windows) -> None:
        strict, lax = (window("sms", "ann", limit=n, per_s=60) for n in (2, 4))
        assert [await windows.admit(strict) is None for _ in range(3)] == [True, True, False]
        assert [await windows.admit(lax) is None for _ in range(3)] == [True, True, False]
        assert await windows.admit(strict) is not None

    async def test_of_many_at_once_as_many_are_admitted(self, windows: Windows) -> None:
        loop, asked = asyncio.get_running_loop(), window("sms", "ann", limit=50, per_s=3_600)
        admitted: list[bool] = []

        def some(_: int) -> None:
            for _ in range(TRIES):
                is_refused = _now(loop, windows.admit(asked)) is not None
                admitted.append(not is_refused)

        await _in_threads(some)
        assert sum(admitted) == 50
        assert len(admitted) == THREADS * TRIES


class LeasesContract(WindowsContract):
    """Needs `store` and its `clock`."""

    @pytest.fixture
    def windows(self, store: Store) -> Windows:
        return store.leases

    async def test_a_lock_is_one_holders(self, store: Store) -> None:
        lease = await granted(store, owner="the lobby")
        refused = await store.leases.grant(ask())
        assert isinstance(refused, Refused)
        assert 0 < refused.retry_s <= TTL_S
        assert await is_free(store, Pool(LOCK, "another"))
        assert await store.leases.release(lease.lease_id) == DOOR
        assert await store.leases.release(lease.lease_id) is None
        assert await is_free(store)

    async def test_a_lease_says_whose_it_is_and_until_when(
        self, store: Store, clock: Clock
    ) -> None:
        lease = await granted(store, CALLS, limit=2, owner="the lobby")
        assert (lease.pool, lease.owner, lease.session) == (CALLS, "the lobby", None)
        assert lease.until_us - lease.granted_at_us == lease.ttl_us == TTL_S * 1_000_000
        assert abs(lease.granted_at_us - clock.now_us()) < 60_000_000
        assert await store.leases.list(limit=9) == [lease]

    async def test_fences_only_grow(self, store: Store, clock: Clock) -> None:
        fences = []
        for n in range(9):
            lease = await granted(store)
            fences.append(lease.fence)
            assert await store.leases.fence("door") == lease.fence
            if n % 2:
                await store.leases.release(lease.lease_id)
            else:
                clock.advance(TTL_S + 1)
        assert fences == sorted(set(fences))
        assert await store.leases.fence("another") == 0

    async def test_who_is_refused_moves_no_fence(self, store: Store) -> None:
        lease = await granted(store)
        assert not await is_free(store)
        assert await store.leases.fence("door") == lease.fence

    async def test_what_is_asked_for_again_is_the_same_lease(
        self, store: Store, clock: Clock
    ) -> None:
        asked = ask(CALLS, limit=1)
        first = await store.leases.grant(asked)
        clock.advance(2)
        again = await store.leases.grant(asked)
        assert isinstance(first, Lease)
        assert isinstance(again, Lease)
        assert (again.fence, again.lease_id) == (first.fence, first.lease_id)
        assert again.until_us >= first.until_us + 2_000_000
        with pytest.raises(Conflict):
            await store.leases.grant(ask(DOOR, lease_id=asked.lease_id))

    async def test_what_is_renewed_lasts(self, store: Store, clock: Clock) -> None:
        lease = await granted(store)
        for _ in range(3):
            clock.advance(TTL_S - 1)
            again = await store.leases.renew(lease.lease_id, ttl_us=lease.ttl_us)
            assert again.fence == lease.fence
            assert not await is_free(store)
        clock.advance(TTL_S + 1)
        assert await store.leases.list(limit=9) == []
        assert await is_free(store)
        with pytest.raises(LeaseLost):
            await store.leases.renew(lease.lease_id, ttl_us=lease.ttl_us)

    async def test_what_nobody_else_was_granted_may_be_renewed_late(
        self, store: Store, clock: Clock
    ) -> None:
        lease = await granted(store)
        clock.advance(10 * TTL_S)
        again = await store.leases.renew(lease.lease_id, ttl_us=lease.ttl_us)
        assert again.fence == lease.fence
        assert not await is_free(store)
        with pytest.raises(LeaseLost):
            await store.leases.renew(ENV.new_id(), ttl_us=lease.ttl_us)

    async def test_there_are_as_many_slots_as_the_limit(self, store: Store) -> None:
        leases = [await granted(store, CALLS, limit=3) for _ in range(3)]
        assert not await is_free(store, CALLS, limit=3)
        assert await is_free(store, CALLS, limit=4)
        assert await is_free(store, Pool(SLOT, "calls", "bob"), limit=3)
        assert await store.leases.held([CALLS, DOOR]) == {CALLS: 3, DOOR: 0}
        await store.leases.release(leases[1].lease_id)
        assert await store.leases.held([CALLS]) == {CALLS: 2}
        assert await is_free(store, CALLS, limit=3)

    async def test_a_slot_of_who_is_gone_is_free_behind_its_time(
        self, store: Store, clock: Clock
    ) -> None:
        for _ in range(3):
            await granted(store, CALLS, limit=3)
        clock.advance(TTL_S - 1)
        assert not await is_free(store, CALLS, limit=3)
        clock.advance(2)
        assert await store.leases.held([CALLS]) == {CALLS: 0}
        assert await is_free(store, CALLS, limit=1)

    async def test_leases_are_listed_in_pages(self, store: Store) -> None:
        leases = [await granted(store, CALLS, limit=9) for _ in range(5)]
        leases.sort(key=lambda lease: lease.lease_id)
        first = await store.leases.list(limit=3)
        rest = await store.leases.list(limit=3, after=first[-1].lease_id)
        assert first + rest == leases

    async def test_of_many_at_once_none_is_beyond_the_limit(self, store: Store) -> None:
        loop, most = asyncio.get_running_loop(), 3
        held: list[UUID] = []
        over: list[int] = []

        def some(_: int) -> None:
            for _ in range(TRIES):
                answer = _now(loop, store.leases.grant(ask(CALLS, limit=most)))
                if isinstance(answer, Lease):
                    held.append(answer.lease_id)
                    over.extend([len(held)] if len(held) > most else [])
                    held.remove(answer.lease_id)
                    _now(loop, store.leases.release(answer.lease_id))

        await _in_threads(some)
        assert over == []

    async def test_a_later_term_has_the_slot_of_the_one_before(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        first = await granted(store, CALLS, limit=1, session=session[0])
        assert not await is_free(store, CALLS, limit=1)
        await self.go_on()
        again = await granted(store, CALLS, limit=1, session=session[1])
        assert again.fence > first.fence
        assert await store.leases.held([CALLS]) == {CALLS: 1}
        assert isinstance(await store.leases.grant(ask(CALLS, session=session[1])), Refused)
        with pytest.raises(LeaseLost):
            await store.leases.renew(first.lease_id, ttl_us=first.ttl_us)

    async def test_a_slot_is_handed_on_whatever_the_limit_is(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        await granted(store, CALLS, limit=2, session=session[0])
        await granted(store, CALLS, limit=2)
        await self.go_on()
        answer = await store.leases.grant(ask(CALLS, limit=1, session=session[1]), only_own=True)
        assert isinstance(answer, Lease)
        answer = await store.leases.grant(ask(CALLS, limit=9, session=session[1]), only_own=True)
        assert isinstance(answer, Refused)

    async def test_a_later_term_does_not_wait_for_the_lock_of_the_one_before(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        first = await granted(store, session=session[0])
        await self.go_on()
        again = await granted(store, session=session[1])
        assert again.fence > first.fence
        with pytest.raises(LeaseLost):
            await store.leases.renew(first.lease_id, ttl_us=first.ttl_us)

    async def go_on(self) -> None:
        """The session has its next term from now on."""

    @pytest.fixture
    async def session(self) -> tuple[SessionTerm, SessionTerm]:
        """One term of a session, and the next one."""
        session_id = ENV.new_id()
        return SessionTerm(session_id, 1), SessionTerm(session_id, 2)


class StoredLeasesContract(LeasesContract):
    """What belongs to a session ends with it. Needs the `archive` of the store, too."""

    _holder: Holder
    _archive: Archive

    @pytest.fixture
    async def session(self, archive: Archive) -> tuple[SessionTerm, SessionTerm]:
        self._archive, self._holder = archive, Holder(archive)
        taken = await self._holder.take()
        first = SessionTerm(taken.session_id, taken.term)
        return first, first._replace(term=taken.term + 1)

    async def go_on(self) -> None:
        await self._lose()
        taken = await Holder(self._archive).take()
        assert taken.cause == "killed"

    async def _lose(self) -> None:
        await self._holder.append(1, final="killed")

    async def test_a_lock_ends_with_its_agent_and_a_slot_does_not(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        lock = await granted(store, session=session[0])
        slot = await granted(store, CALLS, session=session[0])
        await self._lose()
        assert await store.leases.held([DOOR, CALLS]) == {DOOR: 0, CALLS: 1}
        assert await store.leases.list(limit=9) == [slot]
        with pytest.raises(LeaseLost):
            await store.leases.renew(lock.lease_id, ttl_us=lock.ttl_us)
        assert await is_free(store)
        assert not await is_free(store, CALLS)
        with pytest.raises(Conflict):
            await store.leases.grant(ask(session=session[0]))

    async def test_all_of_a_session_ends_with_it(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        slot = await granted(store, CALLS, session=session[0])
        about = (*session[0], self._holder.id)
        assert await store.watch.end(*about, reason="done")
        assert await store.leases.held([CALLS]) == {CALLS: 0}
        assert await is_free(store, CALLS)
        with pytest.raises(LeaseLost):
            await store.leases.renew(slot.lease_id, ttl_us=slot.ttl_us)
        with pytest.raises(CallTaken) as refused:
            await store.leases.grant(ask(session=session[0]))
        assert refused.value.is_over

    async def test_a_term_that_is_over_is_granted_nothing(
        self, store: Store, session: tuple[SessionTerm, SessionTerm]
    ) -> None:
        await self.go_on()
        for pool in (DOOR, CALLS):
            with pytest.raises(CallTaken):
                await store.leases.grant(ask(pool, session=session[0]))
        with pytest.raises(NotFound):
            await store.leases.grant(ask(session=SessionTerm(ENV.new_id(), 1)))


def _now(loop: asyncio.AbstractEventLoop, asked: Any) -> LeaseAnswer | Any:
    return asyncio.run_coroutine_threadsafe(asked, loop).result()


async def _in_threads(some: Any) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as threads:
        asked = [loop.run_in_executor(threads, some, n) for n in range(THREADS)]
        await asyncio.wait(asked)  # all of them: a thread that is left waits for this loop
    for one in asked:
        one.result()
