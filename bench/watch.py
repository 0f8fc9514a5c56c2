"""What one watcher costs, and how long people who come back wait for it.

A service over SQLite has 2,000 live calls and 10,000 that people left within the last ten minutes;
rooms stay for a minute after that. A thousand hang up each minute, and each second somebody comes
back to a call that was left, and has an agent as soon as one is sent for. The same calls without a
watcher say what the watcher costs: there the agents come by themselves.
"""

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from bench import figures
from bench.livekit_stand_in import serving
from bench.report import Noise, Run
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Env, Host
from unbroken.people import Person
from unbroken.service import Settings, create_app
from unbroken.store.port import Store
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import ENV, Holder

LIVE, LEFT, LEFT_S = 2_000, 10_000, 600.0
ROOM_S = 60.0  # a room stays so long without people
HANG_UP_S = LEFT_S / LEFT  # from one to the next
MEASURED_S, WARM_S = 60.0, 15.0
QUICK = 20  # so many times fewer calls
SENT_S = 10.0  # by then an agent must have been sent for, where somebody came back
BEAT_S = 1.0
HOST = ENV.new_id()


class LiveKit:
    """The stand-in's process: what it has, what it was asked, and whom it was asked for."""

    def __init__(self, orders: Connection) -> None:
        self._orders = orders
        self._said: asyncio.Queue[dict[str, int]] = asyncio.Queue()
        self._sent: dict[str, asyncio.Event] = {}

    def have(self, name: str, people: int | None) -> None:
        """None: the room is gone."""
        self._orders.send((name, people))

    async def asked(self) -> dict[str, int]:
        """How often, by path."""
        self._orders.send(None)
        return await self._said.get()

    async def sent(self, name: str) -> None:
        """Until an agent is sent for."""
        await self._sent.setdefault(name, asyncio.Event()).wait()

    @contextmanager
    def listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._orders.fileno(), self._hear)
        try:
            yield
        finally:
            loop.remove_reader(self._orders.fileno())

    def _hear(self) -> None:
        while self._orders.poll():
            match self._orders.recv():
                case str(name):
                    self._sent.setdefault(name, asyncio.Event()).set()
                case asked:
                    self._said.put_nowait(asked)


def measure(run: Run) -> None:
    few = QUICK if run.is_quick else 1
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        serving() as (url, orders),
    ):
        figures_ = asyncio.run(_measured(Path(folder), url, LiveKit(orders), few, run))
    run.keep(figures_, noise, page(figures_))


async def _measured(folder: Path, url: str, livekit: LiveKit, few: int, run: Run) -> dict[str, Any]:
    run.say("making the calls")
    left = await _made(folder, livekit, LIVE // few, LEFT // few)
    seconds = MEASURED_S / few
    settings = Settings(
        data=folder, LIVEKIT_URL=url, LIVEKIT_API_SECRET=secrets.token_hex(16), departure_s=60
    )
    run.say("without a watcher")
    async with _store(folder, Host()) as store, _beating(store):
        without = await _cpu(_calls(store, livekit, left[::2], seconds, few, is_watched=False))
    run.say("with one")
    app = create_app(settings)
    async with app.router.lifespan_context(app), _beating(store := app.state.parts.store):
        with livekit.listening():
            await asyncio.sleep(WARM_S / few)
            before = await livekit.asked()
            with_it = await _cpu(_calls(store, livekit, left[1::2], seconds, few))
            asked = {k: n - before.get(k, 0) for k, n in (await livekit.asked()).items()}
    return {
        "live": LIVE // few,
        "left": LEFT // few,
        "seconds": seconds,
        "core_without": round(without.core, 4),
        "core_with": round(with_it.core, 4),
        "core_of_the_watcher": round(with_it.core - without.core, 4),
        "requests_per_s": {k: round(n / seconds, 1) for k, n in asked.items()},
        "noticed_s": figures.described(with_it.waited, 2),
        "raw": {"noticed_s": with_it.waited},
    }


class Past(Host):
    """A clock that only goes on when it is told to."""

    def __init__(self, ago_s: float) -> None:
        super().__init__()
        self._now_us = Host().now_us()
        self.advance(-ago_s)

    def advance(self, seconds: float) -> None:
        self._now_us += int(seconds * 1_000_000)

    def now_us(self) -> int:
        return self._now_us

    def boot_us(self) -> int:
        return self._now_us


async def _made(folder: Path, livekit: LiveKit, live: int, left: int) -> list[str]:
    """The names of calls that were left between one and five minutes ago."""
    clock = Past(LEFT_S)
    names = [f"left {n}" for n in range(left)]
    async with _store(folder, clock) as store:
        for n in range(live):
            await _call(store, f"live {n}", host_id=HOST)
            livekit.have(f"live {n}", 1)
        for n, name in enumerate(names):
            await (await _call(store, name)).append(1, final="empty")
            clock.advance(LEFT_S / left)
            if n > left * (1 - ROOM_S / LEFT_S):
                livekit.have(name, 0)
    return names[left // 2 : int(left * (1 - ROOM_S / LEFT_S))]  # nobody's time is over yet


@asynccontextmanager
async def _store(folder: Path, env: Env) -> AsyncIterator[Store]:
    blobs = ObjectBlobs.in_folder(folder / "blobs")
    async with SqliteStore.open(folder / "unbroken.sqlite", blobs, env) as store:
        yield store


@asynccontextmanager
async def _beating(store: Store) -> AsyncIterator[None]:
    """The host of the live calls speaks."""

    async def beat() -> None:
        while True:
            await Holder(store.archive, host_id=HOST).send()
            await asyncio.sleep(BEAT_S)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _call(store: Store, room: str, *, host_id: UUID | None = None) -> Holder:
    holder = Holder(store.archive, host_id=host_id)
    await holder.take(room, people=(Person(f"ann of {room}"),))
    return holder


async def _hang_ups(store: Store, livekit: LiveKit, seconds: float, few: int) -> float:
    """Calls that begin and are left, at the pace of LEFT in LEFT_S; how long it took."""
    began = time.monotonic()
    gone: list[tuple[float, str]] = []
    number = 0
    while (now := time.monotonic() - began) < seconds:
        name = f"new {began} {number}"
        await (await _call(store, name)).append(1, final="empty")
        livekit.have(name, 0)
        gone.append((now + ROOM_S, name))
        while gone and gone[0][0] <= now:
            livekit.have(gone.pop(0)[1], None)
        number += 1
        await asyncio.sleep(max(0.0, began + number * HANG_UP_S * few - time.monotonic()))
    return time.monotonic() - began


class Cost(NamedTuple):
    core: float
    waited: list[float]  # until an agent was sent for, in seconds


async def _cpu(work: Awaitable[tuple[float, list[float]]]) -> Cost:
    """While `work` was done, which says how many seconds it took."""
    began = time.process_time()
    seconds, waited = await work
    return Cost((time.process_time() - began) / seconds, waited)


async def _calls(
    store: Store,
    livekit: LiveKit,
    left: list[str],
    seconds: float,
    few: int,
    *,
    is_watched: bool = True,
) -> tuple[float, list[float]]:
    """Hang-ups, and people who come back; how long it took, and how long each of these waited."""
    back = asyncio.create_task(_people_back(store, livekit, left, seconds, is_watched))
    took = await _hang_ups(store, livekit, seconds, few)
    return took, await back


async def _people_back(
    store: Store, livekit: LiveKit, left: list[str], seconds: float, is_watched: bool
) -> list[float]:
    """Somebody each second; how long each waited until an agent was sent for."""
    waiting = []
    for name in left[:: max(1, len(left) // int(seconds))]:
        waiting.append(asyncio.create_task(_back(store, livekit, name, is_watched)))
        await asyncio.sleep(1)
    return list(await asyncio.gather(*waiting))


async def _back(store: Store, livekit: LiveKit, name: str, is_watched: bool) -> float:
    began = time.monotonic()
    if is_watched:
        livekit.have(name, 1)
        async with asyncio.timeout(SENT_S):
            await livekit.sent(name)
    waited = time.monotonic() - began
    await _call(store, name, host_id=HOST)
    livekit.have(name, 1)
    return waited


def page(found: dict[str, Any]) -> str:
    noticed, asked = found["noticed_s"], found["requests_per_s"]
    rows = "\n".join(f"| {path} | {n} |" for path, n in asked.items())
    return f"""
{found["live"]} live calls, {found["left"]} that were left within ten minutes, and
{found["seconds"]:.0f} s of further hang-ups at that pace.

| | of one core |
|---|---|
| the watcher | {found["core_of_the_watcher"]} |
| with it, everything | {found["core_with"]} |
| the same calls without it | {found["core_without"]} |

For people who came back to a call an agent was sent for after {noticed["p50"]} s (p50), at most
after {noticed["max"]} s ({noticed["n"]} of them).

| asked of LiveKit | times a second |
|---|---|
{rows}
"""
