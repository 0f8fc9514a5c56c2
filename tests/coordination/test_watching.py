"""A watch misses nothing and tells nothing twice, whatever happens to the service."""

import asyncio
import sys
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.service.conftest import NOBODY
from tests.service.servers import free_port, running
from unbroken.coordination import feeds
from unbroken.coordination.feeds import CHANGE, SNAPSHOT, SYNCED, VALUE, Feeds
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.scope import StateOwner
from unbroken.coordination.state import State
from unbroken.coordination.stream import StateSnapshot
from unbroken.coordination.watched import MemoryState, WatchedState
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable

LOBBY = StateOwner("room", "lobby")
CHANGES, KILLS = 300, 4
HANG_S = 250  # it is done in ten seconds on an idle machine
EVENT_S = 60


def serving(folder, port):
    """`unbroken serve` in a process that is killed at the end of the block."""
    variables = {"UNBROKEN_DATA": str(folder / "data"), "LIVEKIT_URL": NOBODY}
    command = [sys.executable, "-m", "unbroken", "serve", "--port", str(port)]
    return running(command, folder / "log", **variables)


class Counting:
    """Sets a number after the other, each until it is told that it is there."""

    def __init__(self, state):
        self.state, self.done = state, {}  # by version

    async def run(self):
        n = 1
        while n <= CHANGES:
            try:
                self.done[await self.state.set(f"k{n % 7}", n)] = n
            except ArchiveUnavailable:  # it may be there, and is set once more
                await asyncio.sleep(0.02)
            else:
                n += 1


async def told_of(state, found):
    """What a watch tells until all is told."""
    async with aclosing(state.watch(since=0)) as told:
        async for one in told:
            found.append(one)
            if one.value == CHANGES:
                return


async def test_a_killed_service_costs_a_watcher_nothing(tmp_path):
    port, env = free_port(), Host()
    wires = [RemoteShared(f"http://127.0.0.1:{port}", env) for _ in range(3)]
    writer, reader, replica = (State(LOBBY, wire, env) for wire in wires)
    counting, found = Counting(writer), []
    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(counting.run())
        watching = tasks.create_task(told_of(reader, found))
        for kill in range(1, KILLS + 2):
            with serving(tmp_path, port):
                while not watching.done() and len(counting.done) < CHANGES * kill // (KILLS + 1):
                    await asyncio.sleep(0.002)
                if kill == KILLS + 1:
                    await watching
                    await replica.ready(EVENT_S)
                    last = replica.values()
    versions = [one.version for one in found]
    assert versions == list(range(versions[0], versions[0] + len(versions)))  # none missed or twice
    told = {one.version: one.value for one in found}
    assert counting.done.items() <= told.items()
    assert last == {one.key: one.value for one in found}
    for state, wire in zip((writer, reader, replica), wires, strict=True):
        await state.aclose()
        await wire.aclose()


# What a watcher is told, event by event.


@pytest.fixture
def shared():
    return WatchedState(MemoryShared())


async def events(told, count):
    async with asyncio.timeout(EVENT_S):
        return [await anext(told) for _ in range(count)]


async def test_a_snapshot_comes_before_its_changes(shared):
    first = await shared.set(LOBBY, "a", b"1")
    async with shared.watch(LOBBY) as told:
        found = await events(told, 3)
        assert [(e.name, e.revision, e.change) for e in found] == [
            (SNAPSHOT, first.version, None),
            (VALUE, first.version, first),
            (SYNCED, first.version, None),
        ]
        done = await shared.set(LOBBY, "b", b"2")
        assert [(e.name, e.change) for e in await events(told, 1)] == [(CHANGE, done)]


async def test_what_changes_while_a_snapshot_is_read_is_told_once(shared, monkeypatch):
    monkeypatch.setattr(feeds, "PART", 1)
    for key in "abc":
        await shared.set(LOBBY, key, b"1")
    async with shared.watch(LOBBY) as told:
        found = await events(told, 2)  # up to `a`
        await shared.set(LOBBY, "a", b"2")
        await shared.set(LOBBY, "c", b"2")
        await shared.delete(LOBBY, "b")
        found += await events(told, 4)
    kept = [(e.name, e.change.key, e.change.content) for e in found if e.change]
    assert kept == [
        (VALUE, "a", b"1"),
        (CHANGE, "a", b"2"),
        (CHANGE, "c", b"2"),
        (CHANGE, "b", None),
    ]
    assert found[-1].name == SYNCED


async def test_an_erased_owner_is_told_as_nothing(shared):
    version = (await shared.set(LOBBY, "a", b"1")).version
    async with shared.watch(LOBBY, since=version) as told:
        assert [e.name for e in await events(told, 1)] == [SYNCED]
        await shared.erase(LOBBY)
        assert [e.name for e in await events(told, 2)] == [SNAPSHOT, SYNCED]


async def test_who_says_nothing_is_told_that_it_lives(shared, monkeypatch):
    monkeypatch.setattr(feeds, "ALIVE_S", 0.01)
    async with shared.watch(LOBBY, since=0) as told:
        assert [e.name for e in await events(told, 3)] == ["synced", "alive", "alive"]


async def test_what_another_process_changes_is_told(shared, monkeypatch):
    monkeypatch.setattr(feeds, "LOOK_S", 0.01)
    looking = asyncio.create_task(shared.feeds.look())
    async with shared.watch(LOBBY, since=0) as told:
        await events(told, 1)
        done = await shared.kept.set(LOBBY, "a", b"1")
        assert [e.change for e in await events(told, 1)] == [done]
    looking.cancel()


async def test_many_watchers_at_one_place_read_once(monkeypatch):
    kept, reads = MemoryShared(), []
    asked = kept.changes

    async def counted(owner, **where):
        reads.append(where["after"])
        return await asked(owner, **where)

    monkeypatch.setattr(kept, "changes", counted)
    shared = WatchedState(kept)
    states = [MemoryState(LOBBY, shared) for _ in range(50)]
    await asyncio.gather(*(state.ready() for state in states))
    reads.clear()
    await states[0].set("a", 1)
    async with asyncio.timeout(EVENT_S):
        while not all(state.get("a") == 1 for state in states):
            await asyncio.sleep(0.001)
    assert len(reads) < len(states)
    await asyncio.gather(*(state.aclose() for state in states))
    assert shared.feeds.watchers == 0


async def test_one_watcher_too_many_is_refused(monkeypatch):
    monkeypatch.setattr(feeds, "WATCHERS_MAX", 1)
    many = Feeds(MemoryShared())
    with many.watching(LOBBY), pytest.raises(ArchiveUnavailable), many.watching(LOBBY):
        pass
    with many.watching(LOBBY):
        pass


async def test_a_connection_that_breaks_leaves_no_trace(shared):
    for key in "abc":
        await shared.set(LOBBY, key, b"1")
    broken = Breaking(shared, after=[2, 3, 5])  # in the snapshot, twice, and behind it
    state = State(LOBBY, broken, Host())
    async with asyncio.timeout(EVENT_S), aclosing(state.watch()) as told:
        first = await anext(told)
        await shared.set(LOBBY, "a", b"2")
        second = await anext(told)
    assert isinstance(first, StateSnapshot)
    assert first.values == {"a": 1, "b": 1, "c": 1}
    assert (second.key, second.value) == ("a", 2)
    assert broken.opened == 4


class Breaking:
    """A wire whose first connections break after so many events."""

    def __init__(self, shared, after):
        self._shared, self._after, self.opened = shared, after, 0

    @asynccontextmanager
    async def watch(self, owner, *, since=None, prefix=""):
        left = self._after[self.opened] if self.opened < len(self._after) else None
        self.opened += 1
        async with self._shared.watch(owner, since=since, prefix=prefix) as told:
            yield cut(told, left)


async def cut(told, left):
    async for event in told:
        if left == 0:
            raise ArchiveUnavailable("broken")
        left = left and left - 1
        yield event
