"""The service under load, with clients that say nothing beside it, and killed while it takes in.

First 200 clients read for 60 s while a keeper sends 2,000 entries a second and 1,000 connections
begin a request that they never end; then agents take sessions beside ten readers of lists, and
of pages; then the service is killed 100 times while eight sessions are written to, and every
acknowledged entry is compared with what is stored.
"""

import asyncio
import contextlib
import math
import random
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx

from bench import figures, taking
from bench.report import Noise, Run
from bench.service_process import ServiceProcess
from unbroken.archive.http import RemoteArchive, http_client
from unbroken.archive.port import HostBatch, WireEntry
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable
from unbroken.service.connections import connections_max
from unbroken.testing.holders import TTL_MS, Holder, item

CLIENTS, THINK_S = 200, 1.0
LOAD_S, LOAD_QUICK_S = 60.0, 5.0
ENTRIES_PER_S, EVERY_S, SESSIONS = 2_000, 0.05, 20
BATCH_MAX = 100  # entries of a session in one request
SLOW = 1_000
KILLS, KILLS_QUICK = 100, 5
WRITERS = 8
TAKEN = {
    "alone": "alone_ms",
    "beside ten readers of lists": "beside_lists_ms",
    "beside ten readers of pages": "beside_pages_ms",
}
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "


def measure(run: Run) -> None:
    connections_max()  # this process has as many open as the service
    asyncio.run(_measure(run))


async def _measure(run: Run) -> None:
    kills = KILLS_QUICK if run.is_quick else KILLS
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        async with ServiceProcess.running(Path(folder) / "load") as service:
            load = await _Load(service, LOAD_QUICK_S if run.is_quick else LOAD_S).run()
            run.say(f"load: {load}")
        async with ServiceProcess.running(Path(folder) / "takes") as service:
            takes = await taking.beside_readers(service.url)
            run.say(f"takes: {takes}")
        async with ServiceProcess.running(Path(folder) / "kills") as service:
            killed = await _Killed(service, run.seed or 0).run(kills, minutes=run.minutes)
            run.say(f"kills: {killed}")
    found = {"load": load, "takes": takes, "kills": killed}
    run.keep(found, noise, _page(load, takes, killed))


class _Load:
    def __init__(self, service: ServiceProcess, seconds: float) -> None:
        self._service = service
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._took: dict[str, list[float]] = defaultdict(list)
        self._answers: Counter[str] = Counter()
        self._acked = 0

    @property
    def _is_on(self) -> bool:
        return time.monotonic() < self._until

    async def run(self) -> dict[str, Any]:
        async with RemoteArchive(self._service.url) as archive:
            holders = [Holder(archive) for _ in range(SESSIONS)]
            for number, holder in enumerate(holders):
                holder.host_id = holders[0].host_id
                await holder.take(f"room {number}")
            self._until = time.monotonic() + self._seconds
            async with asyncio.TaskGroup() as all_:
                all_.create_task(self._ingest(archive, holders))
                for number in range(CLIENTS):
                    all_.create_task(self._read(_dice(number), holders))
                for _ in range(SLOW):
                    all_.create_task(self._say_nothing())
        return {
            "entries_per_s": round(self._acked / self._seconds),
            "answers": dict(self._answers),
            "ms": {name: _spread(took) for name, took in sorted(self._took.items())},
            "memory_mb": self._service.memory_mb(),
            "log_bytes": self._service.log.stat().st_size,
        }

    async def _ingest(self, archive: RemoteArchive, holders: list[Holder]) -> None:
        """As a keeper does: one request at a time, with all that has been said until then."""
        first, began_s, due = 1, time.monotonic(), time.monotonic()
        while self._is_on:
            spoken = int((time.monotonic() - began_s) * ENTRIES_PER_S / len(holders)) + 1
            each = min(max(1, spoken + 1 - first), BATCH_MAX)
            said = [_line(n) for n in range(first, first + each)]
            batches = tuple(holder.batch(first, *said) for holder in holders)
            sent = HostBatch(
                host_id=holders[0].host_id, host_name="b", ttl_ms=TTL_MS, batches=batches
            )
            began = time.monotonic()
            try:
                answers = (await archive.append(sent)).batches
            except ArchiveUnavailable:  # it is sent again, as a keeper would
                self._answers["journal unavailable"] += 1
                continue
            self._took["journal"].append(time.monotonic() - began)
            self._answers.update(f"journal {a.outcome}" for a in answers)
            self._acked += each * sum(a.outcome == "acked" for a in answers)
            first += each
            due = max(due + EVERY_S, time.monotonic() - EVERY_S)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _read(self, dice: random.Random, holders: list[Holder]) -> None:
        async with http_client(self._service.url, key=None, timeout_s=30) as client:
            while self._is_on:
                await asyncio.sleep(THINK_S * (0.5 + dice.random()))
                name, path = _asked(dice, dice.choice(holders))
                began = time.monotonic()
                try:
                    status = str((await client.get(path)).status_code)
                except httpx.HTTPError as error:
                    status = type(error).__name__
                self._took[name].append(time.monotonic() - began)
                self._answers[f"{name} {status}"] += 1

    async def _say_nothing(self) -> None:
        """Half a head; again when the service has had enough of it."""
        while self._is_on:
            with contextlib.suppress(OSError, TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._service.port)
                writer.write(HEAD)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until - time.monotonic()):
                        await reader.read()
                writer.close()
            await asyncio.sleep(0.1)


class _Killed:
    """Each session is written by a holder that sends again what was not acknowledged."""

    def __init__(self, service: ServiceProcess, seed: int) -> None:
        self._service, self._dice = service, _dice(seed)
        self._is_over = False
        self._acked: Counter[int] = Counter()
        self._started_s: list[float] = []

    async def run(self, kills: int, *, minutes: float | None) -> dict[str, Any]:
        """As many as fit in `minutes`, if those are given."""
        until = time.monotonic() + (minutes * 60 if minutes else math.inf)
        async with RemoteArchive(self._service.url) as archive:
            holders = [Holder(archive) for _ in range(WRITERS)]
            for number, holder in enumerate(holders):
                await holder.take(f"room {number}")
            writing = [asyncio.create_task(self._write(n, h)) for n, h in enumerate(holders)]
            while len(self._started_s) < kills and time.monotonic() < until:
                await asyncio.sleep(self._dice.uniform(0.05, 0.9))
                self._service.kill()
                self._started_s.append(await self._service.start())
            self._is_over = True
            await asyncio.gather(*writing)
        lost = different = 0
        async with http_client(self._service.url, key=None, timeout_s=30) as client:
            for number, holder in enumerate(holders):
                stored = await _stored(client, holder)
                lost += max(0, self._acked[number] - len(stored))
                different += sum(text != f"line {n}" for n, text in enumerate(stored, 1))
        return {
            "kills": len(self._started_s),
            "acked": self._acked.total(),
            "lost": lost,
            "different": different,
            "start_s": _spread(self._started_s, 1),
        }

    async def _write(self, number: int, holder: Holder) -> None:
        dice = _dice(number)
        while not self._is_over:
            first = self._acked[number] + 1
            said = [_line(n) for n in range(first, first + dice.randint(1, 30))]
            try:
                answer = await holder.append(first, *said)
            except ArchiveUnavailable:
                await asyncio.sleep(0.02)
            else:
                self._acked[number] = max(self._acked[number], answer.seq)


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same again


def _line(n: int) -> WireEntry:
    after = f"m{n - 1}" if n > 1 else None
    return item(f"m{n}", f"line {n}", after=after, at_us=Host().now_us())


def _asked(dice: random.Random, holder: Holder) -> tuple[str, str]:
    taken = holder.taken
    assert taken is not None  # noqa: S101 - before anything is read
    conversation = f"/conversations/{taken.conversation_id}"
    ways = {
        "messages": (f"{conversation}/messages", 0.6),
        "conversation": (conversation, 0.2),
        "list": ("/conversations", 0.1),
        "entries": (f"/sessions/{taken.session_id}/entries", 0.1),
    }
    (name,) = dice.choices([*ways], [weight for _, weight in ways.values()])
    return name, ways[name][0]


async def _stored(client: httpx.AsyncClient, holder: Holder) -> list[str]:
    taken, found, after = holder.taken, [], 0
    assert taken is not None  # noqa: S101 - it has written
    while True:
        path = f"/sessions/{taken.session_id}/entries?after={after}&limit=1000"
        page = (await client.get(path, timeout=30)).json()
        found += [entry["payload"]["item"]["content"][0] for entry in page["entries"]]
        if page["next"] is None:
            return found
        after = page["next"]


def _spread(took: list[float], times: float = 1_000) -> dict[str, float]:
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(figures.quantile(took, q) * times, 2) for name, q in shares.items()}


def _page(load: dict[str, Any], takes: dict[str, Any], killed: dict[str, Any]) -> str:
    rows = [[name, *took.values()] for name, took in load["ms"].items()]
    table = figures.table(["request", "p50 ms", "p99 ms", "max ms"], rows)
    beside = [
        [what, f"{takes[name]['p50']} ms", f"{takes[name]['p99']} ms"]
        for what, name in TAKEN.items()
    ]
    taken = figures.table(["`take`", "p50", "p99"], beside)
    words = (
        f"{CLIENTS} clients, {SLOW} slow ones beside them, {load['entries_per_s']} entries/s "
        f"taken in; at most {load['memory_mb']} MB, {load['log_bytes']} bytes of log. Answers: "
        f"{load['answers']}.\n\n{taken}\n\n"
        f"{killed['kills']} kills of the service: {killed['acked']} entries "
        f"acknowledged, {killed['lost']} lost, {killed['different']} different; ready again after "
        f"{killed['start_s']['p50']} s (p50), {killed['start_s']['max']} s at most."
    )
    return f"{table}\n\n{words}"
