"""The store was restored, replaced or moved: the host tells it again what it has, in order."""

import asyncio
import logging
import shutil
from contextlib import AsyncExitStack

import msgspec
import pytest

from tests.core.archives import Between, Later
from tests.core.conftest import new_header
from tests.core.test_keeper import log_of, until
from unbroken.archive.taking import bound, request_of
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.journal import Journal
from unbroken.keeper import Keeper
from unbroken.keeper.claim import PATIENCE_US
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import Ended, Noted
from unbroken.store.sqlite import SqliteStore


class Stores:
    """One store after the other at the same address; a folder can be kept and put back."""

    def __init__(self, folder, env):
        self._folder, self._env = folder, env
        self._stack = AsyncExitStack()
        self.store = None
        self.between = None

    async def open(self, name: str) -> SqliteStore:
        await self._stack.aclose()
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        self._stack = AsyncExitStack()
        opened = SqliteStore.open(
            folder / "unbroken.sqlite", ObjectBlobs.in_folder(folder / "blobs"), self._env
        )
        self.store = await self._stack.enter_async_context(opened)
        self.between = self.between or Between(self.store.archive)
        self.between.inner = self.store.archive
        return self.store

    async def keep(self, name: str, under: str) -> None:
        """A copy, as a backup makes it."""
        await self._stack.aclose()
        shutil.copytree(self._folder / name, self._folder / under)
        await self.open(name)

    async def aclose(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def stores(tmp_path, env):
    stores = Stores(tmp_path, env)
    await stores.open("first")
    yield stores
    await stores.aclose()


def new_live(spool, env, room: str) -> Live:
    return Live.open(spool, new_header(env, spool, room=room, sid=f"RM_{room}"))


async def said(store, session_id) -> list[object]:
    """The numbers in the log; None for what is lost."""
    found = []
    for entry in await log_of(store, session_id):
        payload = entries.decode(entry.kind, entry.payload)
        found.append(payload.data if isinstance(payload, Noted) else entry.kind)
    return found


async def later(keeper: Keeper, env: Later, condition) -> None:
    """Steps, with a clock that runs quicker."""
    async with asyncio.timeout(60):
        while not await condition():
            await keeper.step()
            env.ahead_us += 50_000
            await asyncio.sleep(0.001)


async def phase_of(store, session_id):
    session = await store.conversations.get_session(session_id)
    return session.phase


class Sessions:
    """A living one, one that is idle, one whose holder left, and one that has ended."""

    def __init__(self, spool, env, keeper):
        names = ("living", "idle", "left", "ended")
        self.lives = {name: new_live(spool, env, name) for name in names}
        self._keeper = keeper

    async def record(self, numbers: range) -> None:
        for number in numbers:
            for live in self.lives.values():
                live.record(Noted("n", number))
        acks = [live.ack for live in self.lives.values()]
        await until(self._keeper, lambda: all(ack.acked == numbers.stop for ack in acks))
        self.ids = {name: live.session_id for name, live in self.lives.items()}
        self.want = {name: list(range(numbers.stop)) for name in self.lives}

    async def leave(self) -> None:
        self.lives["ended"].record(Ended("done"))
        self.want["ended"].append("ended")
        for name in ("left", "ended"):
            await self.lives[name].close("left")
        tails = [
            self._keeper._tails[self.lives[n].journal.header.holder] for n in ("left", "ended")
        ]
        await until(self._keeper, lambda: all(tail.is_over for tail in tails))

    async def then(self, what: str) -> None:
        if what == "an entry":
            self.lives["living"].record(Noted("n", 20))
            self.want["living"].append(20)
        if what == "a death":
            await self.lives["living"].close("left")

    async def are_in(self, store) -> bool:
        found = {name: await said(store, session_id) for name, session_id in self.ids.items()}
        if found != self.want:
            return False
        phases = [await phase_of(store, self.ids[name]) for name in ("idle", "left", "ended")]
        return phases == ["live", "orphaned", "ended"]


@pytest.mark.parametrize("changed", ["empty", "backup"])
@pytest.mark.parametrize("then", ["nothing", "an entry", "a death"])
async def test_all_sessions_are_shipped_again(spool, env, stores, changed, then):
    keeper = Keeper(spool, stores.between)
    sessions = Sessions(spool, env, keeper)
    await sessions.record(range(10))
    await stores.keep("first", "backup")
    await sessions.record(range(10, 20))
    await sessions.leave()
    store = await stores.open("backup" if changed == "backup" else "second")
    await sessions.then(then)
    await later(keeper, env, lambda: sessions.are_in(store))
    if then != "a death":
        living = sessions.lives["living"]
        await until(keeper, lambda: living.ack.acked == len(sessions.want["living"]))
    for live in sessions.lives.values():
        assert not live.is_fenced
        await live.close("left")


async def test_a_store_that_lost_the_end_is_not_told_of_it_before_the_rest(spool, env, stores):
    """Else a successor reads a log that lacks what its host still has."""
    live = new_live(spool, env, "r")
    keeper = Keeper(spool, stores.between)
    live.record(Noted("n", 0))
    await until(keeper, lambda: live.ack.acked == 1)
    await stores.keep("first", "backup")
    for number in range(1, 9):
        live.record(Noted("n", number))
    await until(keeper, lambda: live.ack.acked == 9)
    store = await stores.open("backup")
    await live.close("left")
    while await phase_of(store, live.session_id) == "live":
        await keeper.step()
        env.ahead_us += 50_000
    assert await said(store, live.session_id) == list(range(9))


async def _is(store, session_id, phase: str) -> bool:
    return await phase_of(store, session_id) == phase


async def test_a_head_that_went_back_is_noticed_without_another_identity(
    spool, env, stores, caplog
):
    live = new_live(spool, env, "r")
    keeper = Keeper(spool, stores.between)
    for number in range(5):
        live.record(Noted("n", number))
    await until(keeper, lambda: live.ack.acked == 5)
    await stores.keep("first", "backup")
    for number in range(5, 9):
        live.record(Noted("n", number))
    await until(keeper, lambda: live.ack.acked == 9)
    identity = stores.store.archive.identity
    store = await stores.open("backup")
    store._database.identity = identity

    async def is_whole() -> bool:
        return await said(store, live.session_id) == list(range(9))

    with caplog.at_level(logging.WARNING):
        await later(keeper, env, is_whole)
    assert "the store went back from 9 to 5" in caplog.text
    await until(keeper, lambda: live.ack.acked == 9)
    await live.close("left")


async def test_what_is_acknowledged_goes_back_with_the_store(spool, env, stores):
    live = new_live(spool, env, "r")
    keeper = Keeper(spool, stores.between)
    live.record(Noted("n", 0))
    await until(keeper, lambda: live.ack.acked == 1)
    await stores.keep("first", "backup")
    live.record(Noted("n", 1))
    await until(keeper, lambda: live.ack.acked == 2)
    store = await stores.open("backup")
    seen = set()
    for _ in range(60):
        stored = len(await log_of(store, live.session_id))
        await keeper.step()
        seen.add((live.ack.acked, stored))
        env.ahead_us += 50_000
    assert (2, 2) in seen
    await live.close("left")


async def start(spool, env, stores, keeper, *, wanted=None) -> Live:
    """A holder that takes its session itself."""
    header = new_header(env, spool)
    header = msgspec.structs.replace(header, wanted_session_id=wanted, agent_name="a")
    journal = Journal.create(spool, header)
    taken = await stores.between.take(request_of(header))
    journal.bind(bound(header, taken))
    return Live(spool, journal)


@pytest.mark.parametrize("changed", ["empty", "backup"])
@pytest.mark.parametrize("is_new_keeper", [False, True])
async def test_holders_of_one_session_are_told_in_their_order(
    spool, env, stores, changed, is_new_keeper
):
    """The backup is of before the takeover: its successor is not fenced, and loses nothing."""
    keeper = Keeper(spool, stores.between)
    first = await start(spool, env, stores, keeper)
    session_id = first.session_id
    for number in range(3):
        first.record(Noted("n", number))
    await until(keeper, lambda: first.ack.acked == 3)
    await stores.keep("first", "backup")
    for number in range(3, 6):
        first.record(Noted("n", number))
    await first.close("left")
    await later(keeper, env, lambda: _is(stores.store, session_id, "orphaned"))
    second = await start(spool, env, stores, keeper, wanted=session_id)
    for number in range(6, 9):
        second.record(Noted("n", number))
    await until(keeper, lambda: second.ack.acked == 3)
    store = await stores.open("backup" if changed == "backup" else "second")
    if is_new_keeper:
        keeper = Keeper(spool, stores.between)
    second.record(Noted("n", 9))

    async def is_whole() -> bool:
        assert not second.is_fenced
        return await said(store, session_id) == list(range(10))

    await later(keeper, env, is_whole)
    await until(keeper, lambda: second.ack.acked == 4)
    assert (await store.conversations.get_session(session_id)).term >= 2
    await later(keeper, env, lambda: _is(store, session_id, "live"))
    await second.close("left")


async def test_a_wanted_session_that_never_comes_becomes_a_call_of_its_own(
    spool, env, stores, caplog
):
    header = new_header(env, spool)
    header = msgspec.structs.replace(header, wanted_session_id=env.new_id())
    live = Live.open(spool, header)
    other = new_live(spool, env, "other")
    live.record(Noted("n", 0))
    keeper = Keeper(spool, stores.between)
    other.record(Noted("n", 0))
    await until(keeper, lambda: other.ack.acked == 1)
    began_us = env.boot_us()
    asked = 0
    while live.ack.acked == 0:
        await keeper.step()
        env.ahead_us += 100_000
        asked += 1
        assert asked < 1_000
    assert env.boot_us() - began_us >= PATIENCE_US
    assert live.session_id not in (None, header.wanted_session_id)
    assert stores.between.takes[-1].session_id is None
    assert live.ack.flags == 0
    for one in (live, other):
        await one.close("left")
