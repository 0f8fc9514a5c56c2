"""What agents share, by twenty processes at once, while a service is killed and stopped.

On SQLite with one service, and on PostgreSQL with two: first how many locks, slots, windows and
patches there are in a second, and how long each takes (windows in Redis, too); then all of them but
windows beside each other while a service is killed (SIGKILL, and started again) or stopped for a
while (SIGSTOP), with watchers beside them;
then many changes with watchers that go and come again. Then it is counted what was lost, what was
held by too many, and what a watcher missed or was told twice: more than none, and it fails. A run
in which no fault was felt by anybody fails, too.
"""

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from bench import coordination_checks as checks
from bench import figures
from bench.coordination_worker import DOOR, GUARDED, SEATS, SEATS_MAX, Asked, Done
from bench.report import Noise, Run
from bench.service_process import ServiceProcess
from tests.postgres import standing
from tests.redis_server import redis_server
from unbroken.coordination.changes import StateChange
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.scope import StateOwner
from unbroken.coordination.state import State
from unbroken.env import Host

WORKERS, WATCHERS = 20, 2
KINDS = ("lock", "slot", "window", "patch")
WARM_TIMES, WARM_S = 3, 60.0  # a process that has never asked is slow
SPEED_S, SPEED_QUICK_S = 8.0, 2.0
FAULTS_S, FAULTS_QUICK_S = 45.0, 15.0
CALM_S = 6.0  # at the end of the faults: all that was stopped goes on
EVERY_S = 2.0
STOPPED_S = (0.5, 5.5)  # beyond what a client waits for an answer, sometimes
CHANGES, CHANGES_QUICK = 100_000, 2_000
CHANGES_S, CHANGES_QUICK_S = 3_600.0, 15.0  # at the longest
EACH = 25  # changes, then a watcher goes and comes again
TOLD_S = 60.0  # a watcher has heard all by then, or has missed it
LINE_BYTES_MAX = 256 << 20
Speed: TypeAlias = tuple[str, str, int, object, object]  # a row of the first table
LIMITS = {DOOR.name: 1, SEATS.name: SEATS_MAX}


class Sizes(msgspec.Struct, frozen=True):
    """`--minutes` bounds the faults, and the changes that are watched."""

    speed_s: float
    faults_s: float
    changes: int
    changes_s: float

    @classmethod
    def of(cls, run: Run) -> "Sizes":
        if run.is_quick:
            return cls(SPEED_QUICK_S, FAULTS_QUICK_S, CHANGES_QUICK, CHANGES_QUICK_S)
        bound_s = 60 * run.minutes if run.minutes else None
        return cls(SPEED_S, bound_s or FAULTS_S, CHANGES, bound_s or CHANGES_S)


def measure(run: Run) -> None:
    found = asyncio.run(_measure(run))
    if wrong := [what for one in found.values() for what in one["violations"]]:
        raise SystemExit("\n".join(wrong))


async def _measure(run: Run) -> dict[str, Any]:
    sizes, found = Sizes.of(run), {}
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        async with _workers() as workers:
            async with _services(Path(folder), 1) as services:
                found["SQLite, one service"] = await _all(run, sizes, workers, services)
            with standing() as postgres:
                database = postgres.make_database("campaign")
                on = {"UNBROKEN_DATABASE": database}
                async with _services(Path(folder), 2, **on) as services:
                    found["PostgreSQL, two services"] = await _all(run, sizes, workers, services)
                in_redis = await _in_redis(Path(folder), sizes, workers, on)
    rows = [*_speeds(found), *in_redis]
    kept = {"sizes": msgspec.to_builtins(sizes), "databases": found, "windows in Redis": in_redis}
    run.keep(kept, noise, _page(found, rows, sizes))
    return found


async def _in_redis(
    folder: Path, sizes: Sizes, workers: "Workers", database: dict[str, str]
) -> list[Speed]:
    """Windows, by as many services on the same databases."""
    found = []
    (folder / "redis").mkdir()
    with redis_server(folder / "redis") as redis:
        at = {"UNBROKEN_REDIS": redis.url}
        for where, count, on in (("one service", 1, at), ("two services", 2, at | database)):
            async with _services(folder / "redis", count, **on) as services:
                await workers.do(services, "window", room="warm", seconds=WARM_S, times=WARM_TIMES)
                speed = await _speed(workers, services, "window", sizes.speed_s)
            found.append(_row(f"Redis, {where}", "window", speed))
    return found


async def _all(
    run: Run, sizes: Sizes, workers: "Workers", services: Sequence[ServiceProcess]
) -> dict[str, Any]:
    await workers.do(services, "patch", room="warm", seconds=WARM_S, times=WARM_TIMES)
    speed = {kind: await _speed(workers, services, kind, sizes.speed_s) for kind in KINDS}
    run.say(f"speed: {speed}")
    faults = await _Faults(workers, services, run.seed or 0).run(sizes.faults_s)
    run.say(f"faults: {faults}")
    watched = await _watched(workers, services, sizes)
    run.say(f"watched: {watched}")
    violations = [*faults["violations"], *watched["violations"]]
    return {"speed": speed, "faults": faults, "watched": watched, "violations": violations}


async def _speed(
    workers: "Workers", services: Sequence[ServiceProcess], kind: str, seconds: float
) -> dict[str, Any]:
    done = await workers.do(services, kind, room=f"speed {kind}", seconds=seconds)
    took = [ms for one in done for ms in one.took_ms.get(kind, [])]
    if not took:
        raise SystemExit(f"no {kind} was answered within {seconds:g} s")
    return {"per_s": round(len(took) / seconds), "ms": figures.described(took)}


class _Faults:
    """All at once, while services die and stand still."""

    def __init__(self, workers: "Workers", services: Sequence[ServiceProcess], seed: int) -> None:
        self._workers, self._services = workers, services
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._made = Counter[str]()

    async def run(self, seconds: float) -> dict[str, Any]:
        async with _Watched.opened(self._services, "lobby") as watched:
            making = asyncio.create_task(self._make(time.monotonic() + seconds - CALM_S))
            done = await self._workers.do(self._services, "mixed", room="lobby", seconds=seconds)
            await making
            told = await watched.all_told()
            values = await watched.values()
        return self._counted(done, told, watched, values)

    async def _make(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(EVERY_S)
            service = self._dice.choice(self._services)
            if self._made["killed"] <= self._made["stopped"]:
                self._made["killed"] += 1
                service.kill()
                await service.start()
            else:
                self._made["stopped"] += 1
                service.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(self._dice.uniform(*STOPPED_S))
                service.process.send_signal(signal.SIGCONT)

    def _counted(
        self,
        done: Sequence[Done],
        told: list[list[StateChange]],
        watched: "_Watched",
        values: dict[str, object],
    ) -> dict[str, Any]:
        held = [one for worker in done for one in worker.held]
        patched = [one for worker in done for one in worker.patched]
        answers = sum((Counter(worker.answers) for worker in done), Counter[str]())
        wrong = checks.over_admitted(held, LIMITS) + checks.wrong_fences(held, [DOOR.name])
        wrong += checks.lost(patched, values) + watched.misheard()
        for heard in told:
            wrong += checks.fenced_back([_number(c) for c in heard if c.key == GUARDED])
        if not sum(n for name, n in answers.items() if name.endswith("unavailable")):
            wrong.append("no fault was felt by anybody")
        counted = {"patches": len(patched), "held": len(held), "told": [len(one) for one in told]}
        return {
            **counted, "made": dict(self._made), "answers": dict(answers), "violations": wrong
        }  # fmt: skip


def _number(change: StateChange) -> int:
    return int(str(change.value))


async def _watched(
    workers: "Workers", services: Sequence[ServiceProcess], sizes: Sizes
) -> dict[str, Any]:
    """Watchers that go and come again all the time."""
    began = time.monotonic()
    bounds = {"times": sizes.changes // WORKERS, "seconds": sizes.changes_s}
    async with _Watched.opened(services, "counted", each=EACH) as watched:
        done = await workers.do(services, "add", room="counted", **bounds)
        made_s = time.monotonic() - began
        told = await watched.all_told()
    made = sum(len(one.took_ms.get("add", [])) for one in done)
    wrong = watched.misheard()
    wrong += [f"only {n} reconnects" for n in watched.reconnects if n < made // EACH - 1]
    counted = {"changes": made, "told": [len(one) for one in told]}
    return counted | {
        "reconnects": watched.reconnects, "changes_per_s": round(made / made_s), "violations": wrong
    }  # fmt: skip


class _Watched:
    """Watchers of a room, of all services by turns; `each`: they go and come again behind so many
    changes."""

    def __init__(self, services: Sequence[ServiceProcess], room: str, each: int) -> None:
        self._env, self._each = Host(), each
        self.owner = StateOwner("room", room)
        self._wires = [RemoteShared(service.url, self._env) for service in services]
        self.told: list[list[StateChange]] = [[] for _ in range(WATCHERS)]
        self.reconnects = [0] * WATCHERS
        self._first = self._last = 0
        self._known = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, services: Sequence[ServiceProcess], room: str, *, each: int = 0
    ) -> AsyncIterator["_Watched"]:
        self = cls(services, room, each)
        self._first = await self._mark("first")
        tasks = [asyncio.create_task(self._watch(n)) for n in range(WATCHERS)]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for wire in self._wires:
                await wire.aclose()

    async def all_told(self) -> list[list[StateChange]]:
        """What each watcher was told, up to a last change that is made now."""
        self._last = await self._mark("last")
        until = time.monotonic() + TOLD_S
        while time.monotonic() < until and not all(
            told and told[-1].version >= self._last for told in self.told
        ):
            await asyncio.sleep(0.05)
        return self.told

    def misheard(self) -> list[str]:
        return [
            wrong
            for told in self.told
            for wrong in checks.misheard([self._first, *(c.version for c in told)], self._last)
        ]

    async def values(self) -> dict[str, object]:
        async with State(self.owner, self._wires[0], self._env) as state:
            return dict(state.values())

    async def _mark(self, key: str) -> int:
        return (await self._wires[0].set(self.owner, key, b"0")).version

    async def _watch(self, n: int) -> None:
        state = State(self.owner, self._wires[n % len(self._wires)], self._env)
        position = self._first
        while True:
            async with contextlib.aclosing(state.watch(since=position)) as told:
                count = 0
                async for change in told:
                    assert isinstance(change, StateChange), "all is known behind a position"  # noqa: S101
                    self.told[n].append(change)
                    position, count = change.version, count + 1
                    if count == self._each:
                        break
            self.reconnects[n] += 1


class Workers:
    """Twenty processes, started once."""

    def __init__(self) -> None:
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        for _ in range(WORKERS):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.coordination_worker",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                limit=LINE_BYTES_MAX,
            )  # fmt: skip
            self._processes.append(process)
        for process in self._processes:
            await self._line(process)

    async def do(
        self, services: Sequence[ServiceProcess], kind: str, *, room: str, **given: Any
    ) -> list[Done]:
        """All of them, begun together."""
        urls = [service.url for service in services]
        for number, process in enumerate(self._processes):
            asked = Asked(urls, number, kind, room, **given)
            assert process.stdin is not None  # noqa: S101 - as asked for
            process.stdin.write(msgspec.json.encode(asked) + b"\n")
        lines = await asyncio.gather(*(self._line(process) for process in self._processes))
        return [msgspec.json.decode(line, type=Done) for line in lines]

    async def _line(self, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdout is not None  # noqa: S101 - as asked for
        if line := await process.stdout.readline():
            return line
        raise SystemExit("a worker has died")

    async def stop(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _workers() -> AsyncIterator[Workers]:
    workers = Workers()
    try:
        await workers.start()
        yield workers
    finally:
        await workers.stop()


@contextlib.asynccontextmanager
async def _services(
    folder: Path, count: int, **variables: str
) -> AsyncIterator[list[ServiceProcess]]:
    async with contextlib.AsyncExitStack() as running:
        yield [
            await running.enter_async_context(
                ServiceProcess.running(folder / f"{count}-{n}", **variables)
            )
            for n in range(count)
        ]


def _speeds(found: dict[str, Any]) -> list[Speed]:
    return [_row(where, kind, one["speed"][kind]) for where, one in found.items() for kind in KINDS]


def _row(where: str, kind: str, speed: dict[str, Any]) -> Speed:
    return where, kind, speed["per_s"], speed["ms"]["p50"], speed["ms"]["p99"]


def _page(found: dict[str, Any], rows: Sequence[Speed], sizes: Sizes) -> str:
    speed = figures.table(["", "", "a second", "p50 ms", "p99 ms"], rows)
    checked = figures.table(
        ["", *found],
        [
            ("services killed", *(_made(one, "killed") for one in found.values())),
            ("services stopped", *(_made(one, "stopped") for one in found.values())),
            ("patches acknowledged", *(one["faults"]["patches"] for one in found.values())),
            ("locks and slots held", *(one["faults"]["held"] for one in found.values())),
            ("changes watched", *(one["watched"]["changes"] for one in found.values())),
            ("reconnects", *(sum(one["watched"]["reconnects"]) for one in found.values())),
            ("violations", *(len(one["violations"]) for one in found.values())),
        ],
    )
    return (
        f"{WORKERS} processes. A lock or a slot: granted; it is released before the next one.\n\n"
        f"{speed}\n\nThen {sizes.faults_s:g} s of all at once while services were killed and "
        f"stopped, and up to {sizes.changes:,} changes\nwithin {sizes.changes_s:g} s with "
        f"{WATCHERS} watchers that went and came again. Violations: a patch lost, more\nholders "
        "than the limit, a fence out of order, a change that a watcher missed or was told "
        f"twice.\n\n{checked}"
    )


def _made(one: dict[str, Any], what: str) -> int:
    return int(one["faults"]["made"].get(what, 0))
