"""What a store promises about the state that agents share."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from unbroken.coordination import changes
from unbroken.coordination.changes import StateChange
from unbroken.coordination.lease import LockFence
from unbroken.coordination.scope import APP, ROOM, USER, StateOwner
from unbroken.coordination.values import encoded
from unbroken.errors import Conflict, NotFound, OldFence, OtherVersion, TooLarge
from unbroken.store.port import Store
from unbroken.testing.holders import Clock
from unbroken.testing.leases import granted

LOBBY, ANN, HOUSE = StateOwner(ROOM, "lobby"), StateOwner(USER, "ann"), StateOwner(APP, "house")
PAGE: dict[str, Any] = {"limit": 1_000, "bytes_max": 1 << 20}
PATCHES, THREADS = 1_000, 8


async def put(store: Store, key: str, value: object, owner: StateOwner = LOBBY) -> StateChange:
    return await store.state.set(owner, key, encoded(value))


async def values(store: Store, owner: StateOwner = LOBBY, **asked: Any) -> dict[str, Any]:
    page = await store.state.list(owner, **(PAGE | asked))
    return {v.key: json.loads(v.content or b"") for v in page.values}


class StateContract:
    """Needs `store` and its `clock`."""

    async def test_a_value_is_what_was_set(self, store: Store, clock: Clock) -> None:
        done = await put(store, "order", {"table": 7})
        assert await store.state.get(LOBBY, "order") == done
        assert (done.key, done.content) == ("order", b'{"table":7}')
        assert abs(done.at_us - clock.now_us()) < 60_000_000
        with pytest.raises(NotFound):
            await store.state.get(LOBBY, "other")

    async def test_owners_have_nothing_in_common(self, store: Store) -> None:
        for n, owner in enumerate((LOBBY, ANN, HOUSE, StateOwner(USER, "lobby"))):
            await put(store, "key", n, owner)
        assert [await values(store, owner) for owner in (LOBBY, ANN, HOUSE)] == [
            {"key": n} for n in range(3)
        ]

    async def test_each_change_has_the_next_revision(self, store: Store) -> None:
        first = await put(store, "a", 1)
        done = [await put(store, "b", 2), await store.state.add(LOBBY, "a", 1)]
        done.append(await store.state.delete(LOBBY, "a"))
        assert [c.version - first.version for c in done] == [1, 2, 3]
        assert (await store.state.list(LOBBY, **PAGE)).revision == done[-1].version

    async def test_an_expected_version_is_a_condition(self, store: Store) -> None:
        first = await store.state.set(LOBBY, "a", b"1", if_version=0)
        again = await store.state.set(LOBBY, "a", b"2", if_version=first.version)
        for stale in (0, first.version, again.version + 1):
            with pytest.raises(OtherVersion):
                await store.state.set(LOBBY, "a", b"3", if_version=stale)
            with pytest.raises(OtherVersion):
                await store.state.patch(LOBBY, "a", b"3", if_version=stale)
            with pytest.raises(OtherVersion):
                await store.state.delete(LOBBY, "a", if_version=stale)
        assert await store.state.get(LOBBY, "a") == again

    async def test_no_version_comes_again_after_a_delete(self, store: Store) -> None:
        first = await put(store, "a", 1)
        await store.state.delete(LOBBY, "a", if_version=first.version)
        await put(store, "a", 1)
        with pytest.raises(OtherVersion):
            await store.state.set(LOBBY, "a", b"2", if_version=first.version)
        with pytest.raises(NotFound):
            await store.state.delete(LOBBY, "other")

    async def test_a_patch_is_merged(self, store: Store) -> None:
        await put(store, "a", {"keep": 1, "inner": {"x": 1, "gone": 2}})
        await store.state.patch(LOBBY, "a", b'{"inner":{"gone":null,"y":3}}')
        await store.state.patch(LOBBY, "new", b'{"b":{"c":null}}')
        assert await values(store) == {
            "a": {"keep": 1, "inner": {"x": 1, "y": 3}},
            "new": {"b": {}},
        }

    async def test_only_numbers_are_added_to(self, store: Store) -> None:
        added = [await store.state.add(LOBBY, "n", by) for by in (2, 0.5, -1)]
        assert [a.content for a in added] == [b"2", b"2.5", b"1.5"]
        for other in ("text", True, None, (1 << 53) - 1):
            await put(store, "x", other)
            with pytest.raises(Conflict):
                await store.state.add(LOBBY, "x", 1)

    async def test_who_lost_the_lock_changes_nothing(self, store: Store) -> None:
        first = await granted(store)
        old = LockFence("door", first.fence)
        before = await store.state.set(LOBBY, "a", b"1", fence=old)
        await store.leases.release(first.lease_id)
        assert (await store.state.add(LOBBY, "a", 1, fence=old)).content == b"2"  # nobody since
        fence = LockFence("door", (await granted(store)).fence)
        for refused in (
            store.state.set(LOBBY, "a", b"3", fence=old),
            store.state.set(LOBBY, "a", b"3", if_version=before.version, fence=old),
            store.state.patch(LOBBY, "a", b"3", fence=old),
            store.state.add(LOBBY, "a", 1, fence=old),
            store.state.delete(LOBBY, "a", fence=old),
            store.state.set(LOBBY, "a", b"3", fence=LockFence("unknown", fence.number)),
        ):
            with pytest.raises(OldFence):
                await refused
        assert await values(store) == {"a": 2}
        await store.state.patch(LOBBY, "a", b"3", fence=fence)
        assert (await store.state.delete(LOBBY, "a", fence=fence)).is_deleted

    async def test_a_refused_change_changes_nothing(self, store: Store) -> None:
        before = await put(store, "a", "text")
        for refused in (
            store.state.add(LOBBY, "a", 1),
            store.state.set(LOBBY, "b", b"1", if_version=7),
            store.state.delete(LOBBY, "b"),
        ):
            with pytest.raises((Conflict, NotFound)):
                await refused
        found = await store.state.changes(LOBBY, after=before.version - 1, **PAGE)
        assert (found.changes, found.revision) == ([before], before.version)

    async def test_values_are_listed_in_pages(self, store: Store) -> None:
        for key in ("b", "a/2", "a/1", "ä", "a"):
            await put(store, key, key)
        first = await store.state.list(LOBBY, limit=2, bytes_max=1 << 20)
        assert ([v.key for v in first.values], first.next) == (["a", "a/1"], "a/1")
        rest = await store.state.list(LOBBY, after="a/1", limit=9, bytes_max=1 << 20)
        assert ([v.key for v in rest.values], rest.next) == (["a/2", "b", "ä"], None)
        assert list(await values(store, prefix="a/")) == ["a/1", "a/2"]
        assert list(await values(store, prefix="a/", after="a/1")) == ["a/2"]
        assert len((await store.state.list(LOBBY, limit=9, bytes_max=1)).values) == 1

    async def test_a_watcher_misses_no_change_and_has_none_twice(self, store: Store) -> None:
        done = [await put(store, f"k{n % 3}", n) for n in range(9)]
        done.append(await store.state.delete(LOBBY, "k1"))
        found: list[StateChange] = []
        for _ in range(4):
            after = found[-1].version if found else 0
            part = await store.state.changes(LOBBY, after=after, limit=3, bytes_max=1 << 20)
            assert part.is_known
            found += part.changes
        assert found == done
        last = await store.state.changes(LOBBY, after=found[-1].version, **PAGE)
        assert (last.changes, last.is_known) == ([], True)

    async def test_who_was_away_too_long_is_told_so(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "CHANGES_MIN", 4)
        monkeypatch.setattr(changes, "CHANGES_MAX", 6)
        done = [await put(store, "a", n) for n in range(7)]
        for away in (0, done[1].version):
            found = await store.state.changes(LOBBY, after=away, **PAGE)
            assert (found.changes, found.is_known) == ([], False)
        found = await store.state.changes(LOBBY, after=done[2].version, **PAGE)
        assert (found.changes, found.is_known) == (done[3:], True)

    async def test_changes_are_forgotten_by_their_size_too(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "CHANGES_BYTES_MIN", 3_000)
        monkeypatch.setattr(changes, "CHANGES_BYTES_MAX", 5_000)
        done = [await put(store, "a", "x" * 990) for _ in range(12)]
        known = [(await store.state.changes(LOBBY, after=c.version, **PAGE)).is_known for c in done]
        assert known == [False] * 8 + [True] * 4

    async def test_who_comes_from_elsewhere_is_told_so(self, store: Store) -> None:
        assert (await store.state.changes(LOBBY, after=0, **PAGE)).is_known
        assert not (await store.state.changes(LOBBY, after=7, **PAGE)).is_known
        done = await put(store, "a", 1)
        assert not (await store.state.changes(LOBBY, after=7, **PAGE)).is_known
        assert not (await store.state.changes(LOBBY, after=done.version + 1, **PAGE)).is_known

    async def test_an_owner_has_so_many_keys(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "KEYS_MAX", 3)
        for key in "abc":
            await put(store, key, 1)
        with pytest.raises(TooLarge):
            await put(store, "d", 1)
        await put(store, "c", 2)
        await store.state.delete(LOBBY, "a")
        await put(store, "d", 1)
        assert await values(store) == {"b": 1, "c": 2, "d": 1}

    async def test_an_owner_has_so_many_bytes(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "OWNER_BYTES_MAX", 2_000)
        for _ in range(3):
            await put(store, "a", "x" * 1_000)
        with pytest.raises(TooLarge):
            await put(store, "b", "x" * 1_000)
        await put(store, "a", "x" * 900)
        await put(store, "b", "x" * 1_000)
        await store.state.delete(LOBBY, "a")
        await put(store, "c", "x" * 900)

    async def test_of_an_erased_owner_nothing_is_left(self, store: Store, clock: Clock) -> None:
        before = await put(store, "a", "secret")
        await put(store, "a", 1, ANN)
        assert await store.state.erase(LOBBY)
        assert not await store.state.erase(LOBBY)
        assert await values(store) == {}
        assert await values(store, ANN) == {"a": 1}
        assert not (await store.state.changes(LOBBY, after=before.version, **PAGE)).is_known
        clock.advance(1)
        again = await put(store, "a", 2)
        assert again.version > before.version
        assert (await store.state.changes(LOBBY, after=0, **PAGE)).changes == [again]
        assert not (await store.state.changes(LOBBY, after=before.version, **PAGE)).is_known

    async def test_revisions_of_many_are_known_at_once(self, store: Store) -> None:
        done = {LOBBY: (await put(store, "a", 1)).version}
        odd = StateOwner(USER, "a/b")
        done[odd] = (await put(store, "a", 1, odd)).version
        assert await store.state.revisions([LOBBY, ANN, odd]) == done
        assert await store.state.revisions([]) == {}

    async def test_of_many_patches_at_once_none_is_lost(self, store: Store) -> None:
        loop = asyncio.get_running_loop()

        def some(thread: int) -> None:
            for n in range(thread, PATCHES, THREADS):
                patch = encoded({str(n): n})
                asyncio.run_coroutine_threadsafe(
                    store.state.patch(LOBBY, "all", patch), loop
                ).result()

        await _in_threads(some)
        assert (await values(store))["all"] == {str(n): n for n in range(PATCHES)}

    async def test_of_many_who_compare_and_set_one_has_it(self, store: Store) -> None:
        loop, won = asyncio.get_running_loop(), list[int]()
        start = await put(store, "a", 0)
        barrier = threading.Barrier(THREADS)

        def some(thread: int) -> None:
            barrier.wait()
            asked = store.state.set(LOBBY, "a", b"%d" % thread, if_version=start.version)
            try:
                asyncio.run_coroutine_threadsafe(asked, loop).result()
            except OtherVersion:
                return
            won.append(thread)

        await _in_threads(some)
        assert len(won) == 1
        assert await values(store) == {"a": won[0]}


async def _in_threads(some: Any) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as threads:
        await asyncio.gather(*(loop.run_in_executor(threads, some, n) for n in range(THREADS)))
