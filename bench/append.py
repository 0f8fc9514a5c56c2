"""What it costs to keep one item, at the beginning and deep in a call, with a keeper and without;
and how long until the service has it."""

import asyncio
import random
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import figures, scan
from bench.calls import open_live, open_spool, until_stored
from bench.report import Noise, Run
from bench.shipping import keeper, puts, service
from tests.e2e.house import House
from unbroken.env import Host
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import ItemPut

# Length of the call, calls, items measured in each: a call grows by at most half of its length,
# except the shortest.
CELLS = ((10, 100, 50), (1_000, 10, 500), (5_000, 5, 1_000))
QUICK = ((10, 3, 50), (1_000, 1, 200))
GIVE_WAY = 50  # items in one go, then the event loop has its turn
PACE_S = 0.025
PACED, PACED_QUICK = 1_000, 60
WAITS, WAITS_QUICK = 200, 20
BACKLOG, BACKLOG_QUICK = (10, 1_000), (3, 200)  # calls, items in each
LOOK_S = 0.001
CONDITIONS = ("keeper", "no keeper", "bare write")
QUANTILES = ("n", "p50", "p99", "p99.9", "max")


class Bare:
    """The floor: an item encoded and written, no state, no numbers, no checksum."""

    def __init__(self, path: str) -> None:
        self._file = Host().create(path)
        self._count = 0

    def record(self, put: ItemPut) -> int:
        data, _ = entries.encode(put)
        self._file.write(data)
        self._count += 1
        return self._count

    async def close(self, _cause: str) -> None:
        self._file.close()


class Spools:
    """One that is shipped, one that is not."""

    def __init__(self, house: House) -> None:
        self.shipped = open_spool(house.spool)
        self.unshipped = open_spool(house.folder / "unshipped")
        self._made = 0

    def call(self, condition: str, length: int) -> tuple[Live | Bare, str | None]:
        """A call of so many items, and the id of the last of them."""
        self._made += 1
        made: Live | Bare
        if condition == "bare write":
            made = Bare(f"{self.unshipped.folder}/bare-{self._made}")
        else:
            spool = self.shipped if condition == "keeper" else self.unshipped
            made = open_live(spool, f"bench-{self._made}")
        last = None
        for put in puts(length):
            made.record(put)
            last = put.item["id"]
        return made, last


def turned(number: int) -> list[str]:
    """The conditions in another order each time."""
    at = number % len(CONDITIONS)
    order = list(CONDITIONS[at:] + CONDITIONS[:at])
    return order if number % 2 else order[::-1]


async def closed(spools: Spools, cells: Sequence[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """One item right behind the other; the conditions in turn."""
    found = []
    for length, calls, count in cells:
        took: dict[str, list[float]] = {condition: [] for condition in CONDITIONS}
        for number in range(calls):
            for condition in turned(number):
                call, last = spools.call(condition, length)
                took[condition] += await appended(call, last, count)
                if condition == "keeper" and isinstance(call, Live):
                    await until_stored(call)  # the next one finds no backlog
                await call.close("ended")
        found += [row(length, condition, took[condition]) for condition in CONDITIONS]
    return found


async def appended(call: Live | Bare, last: str | None, count: int) -> list[float]:
    """µs of each `record`."""
    took = []
    for number, put in enumerate(puts(count, after=last)):
        took.append(timed(call, put)[0])
        if number % GIVE_WAY == 0:
            await asyncio.sleep(0)
    return took


def timed(call: Live | Bare, put: ItemPut) -> tuple[float, int, int]:
    """µs that `record` took, its n, and when it began (ns)."""
    began = time.perf_counter_ns()
    n = call.record(put)
    return (time.perf_counter_ns() - began) / 1e3, n, began


def row(length: int, condition: str, took: Sequence[float]) -> dict[str, Any]:
    return {"items": length, "condition": condition, "us": figures.described(took)}


async def paced(spools: Spools, lengths: Sequence[int], count: int) -> list[dict[str, Any]]:
    """The three conditions side by side, each about 27 items a second, at uneven moments."""
    found = []
    for length in lengths:
        shipped, last = spools.call("keeper", length)
        assert isinstance(shipped, Live)  # noqa: S101 - for the types
        await until_stored(shipped)
        stored = Stored(shipped)
        calls = {"keeper": (shipped, last)} | {
            condition: spools.call(condition, length) for condition in CONDITIONS[1:]
        }
        took = await walked(calls, stored, count, random.Random(length))  # noqa: S311
        lags = await stored.all()
        for call, _ in calls.values():
            await call.close("ended")
        found += [row(length, condition, took[condition]) for condition in CONDITIONS]
        found[-len(CONDITIONS)]["stored_after_ms"] = figures.described(lags)
    return found


async def walked(
    calls: dict[str, tuple[Live | Bare, str | None]],
    stored: "Stored",
    count: int,
    chance: random.Random,
) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {condition: [] for condition in CONDITIONS}
    ready = {condition: puts(count, after=last) for condition, (_, last) in calls.items()}
    for number in range(count):
        for condition in turned(number):
            await asyncio.sleep(chance.uniform(0, PACE_S))
            us, n, began = timed(calls[condition][0], ready[condition][number])
            took[condition].append(us)
            if condition == "keeper":
                stored.expect(n, began)
    return took


class Stored:
    """Watches the ack file: when was each entry in the service."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._open: deque[tuple[int, int]] = deque()
        self._lags_ms: list[float] = []
        self._looking = asyncio.create_task(self._look())

    def expect(self, n: int, began_ns: int) -> None:
        self._open.append((n, began_ns))

    async def all(self) -> list[float]:
        """ms from append to stored, to within LOOK_S and what the loop is late."""
        await until_stored(self._live)
        await asyncio.sleep(10 * LOOK_S)
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking
        return self._lags_ms

    async def _look(self) -> None:
        while True:
            acked, now = self._live.ack.acked, time.perf_counter_ns()
            while self._open and self._open[0][0] <= acked:
                self._lags_ms.append((now - self._open.popleft()[1]) / 1e6)
            await asyncio.sleep(LOOK_S)


async def waited(spools: Spools, count: int) -> dict[str, Any]:
    """`await durable("service")` behind an item: the keeper hurries when somebody waits."""
    live, last = spools.call("keeper", 10)
    assert isinstance(live, Live)  # noqa: S101 - for the types
    await until_stored(live)
    took, late = [], 0
    chance = random.Random(2)  # noqa: S311 - no secret
    for put in puts(count, after=last):
        await asyncio.sleep(chance.uniform(0.02, 0.1))
        began = time.perf_counter_ns()
        live.record(put)
        late += not await live.durable("service", timeout_s=5)
        took.append((time.perf_counter_ns() - began) / 1e6)
    await live.close("ended")
    return {"ms": figures.described(took), "not_within_5_s": late}


async def catch_up(house: House, calls: int, count: int) -> dict[str, Any]:
    """Several calls were written while nobody shipped; then a keeper comes."""
    spool = open_spool(house.folder / "backlog")
    lives = [open_live(spool, f"bench-backlog-{number}") for number in range(calls)]
    for live in lives:
        for put in puts(count):
            live.record(put)
    began = time.monotonic()
    with keeper(house, spool.folder):
        try:
            for live in lives:
                await until_stored(live)
        except TimeoutError:
            is_whole = False
        else:
            is_whole = True
        took = time.monotonic() - began
    stored = sum(live.ack.acked for live in lives)
    for live in lives:
        await live.close("ended")
    return {
        "calls": calls, "items": calls * count, "stored": stored, "is_whole": is_whole,
        "seconds": round(took, 2), "items_per_s": round(stored / took),
    }  # fmt: skip


async def all_of(run: Run, house: House) -> dict[str, Any]:
    spools = Spools(house)
    cells = QUICK if run.is_quick else CELLS
    await closed(spools, ((10, 5, 50),))  # warm-up
    found: dict[str, Any] = {"level": "process (record), service (stored)"}
    found["closed_loop"] = await closed(spools, cells)
    run.say("closed loop done")
    lengths = [length for length, _, _ in cells]
    found["paced"] = await paced(spools, lengths, PACED_QUICK if run.is_quick else PACED)
    run.say("paced done")
    found["waited_for_service"] = await waited(spools, WAITS_QUICK if run.is_quick else WAITS)
    found["catch_up"] = await catch_up(house, *(BACKLOG_QUICK if run.is_quick else BACKLOG))
    found["scan"] = await scan.measured(spools.unshipped, is_quick=run.is_quick)
    found["text_turn"] = await scan.turn_bytes(spools.unshipped)
    return found


def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with (
            service(Path(folder)) as house,
            keeper(house, str(house.spool)),
            Noise.watched() as noise,
        ):
            found = asyncio.run(all_of(run, house))
        run.keep(found, noise, page(found))


def page(found: dict[str, Any]) -> str:
    rows = [
        [way.replace("_", " "), r["items"], r["condition"], *(r["us"][q] for q in QUANTILES)]
        for way in ("closed_loop", "paced")
        for r in found[way]
    ]
    lags = [
        [r["items"], *(r["stored_after_ms"][q] for q in QUANTILES)]
        for r in found["paced"]
        if "stored_after_ms" in r
    ]
    wait, turn = found["waited_for_service"], found["text_turn"]
    ms, back = wait["ms"], found["catch_up"]
    rate = f": {back['items_per_s']:,} a second."
    whole = rate if back["is_whole"] else ". **It did not catch up, and was stopped.**"
    return f"""\
`Live.record` of one chat message (200 characters, metrics), µs; after it the item is at level
process. "bare write": the same item encoded by msgspec and written by one `write()`, the floor.
Closed loop: one right behind the other, the keeper ships at full speed beside it. Paced: 27 a
second each, at uneven moments: the code is cold in the processor's caches, as it is in a call.

{figures.table(["", "items in the call", "", *QUANTILES], rows)}

From `record` to stored in the service (level service), paced, nobody waits, ms:

{figures.table(["items in the call", *QUANTILES], lags)}

Record and `await durable("service")`, ms: p50 {ms["p50"]}, p99 {ms["p99"]}, max {ms["max"]}
(n {ms["n"]}; not within 5 s: {wait["not_within_5_s"]}).

Catching up: {back["items"]:,} items of {back["calls"]} calls waited when a keeper was started;
{back["stored"]:,} of them were stored {back["seconds"]} s later, its start included{whole}

`Hooks.scan` with a real AgentSession, every {scan.PAUSE_S * 1e3:g} ms, µs:

{scan.table(found["scan"])}

Journal per text turn (a question and a reply of about {turn["reply_characters"]} characters):
{turn["bytes"]:,} bytes in {turn["entries"]} entries (n {turn["turns"]} turns). Spoken turns, with
marks: see talk.
"""
