"""End of speech to first sound, and joining to greeting, with and without Unbroken, in one run.

Two rooms are open at the same time, one durable, one plain LiveKit; the same sentence is spoken
in both, in turn (A B, B A, ...). See bench/talk_worker.py for what differs.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from agents.speech.hibari import HibariTTS
from bench import figures
from bench.costs import FOLDER
from bench.report import Noise, Run
from bench.talk_worker import IDLE_JOBS, PLAIN
from tests.agents.sound import Pcm, resampled
from tests.e2e.caller import LOUD, Caller
from tests.e2e.house import House

MODES = ("plain", "durable")
PAIRS, PAIRS_QUICK = 12, 1  # of calls
TURNS, TURNS_QUICK = 4, 2  # in each call
WARM_UP = 1_000  # the number of the first pair, which does not count
GREETING_S, REPLY_S, QUIET_S = 60.0, 30.0, 0.7
PAUSE_S = 0.3
HANG_S = 90.0
SENTENCES = (
    "Good morning, can you hear me?",
    "I would like to ask about tomorrow.",
    "How is the weather over there?",
    "Please tell me your opening hours.",
    "Thank you, that is all for today.",
)


class Talk:
    """The calls of one run, and what was measured in them."""

    def __init__(self, house: House, voice: HibariTTS, run: Run) -> None:
        self.house, self.voice, self.run = house, voice, run
        self.sentences = [spoken(voice, text) for text in SENTENCES]
        self._jobs = 0
        self.forget()

    def forget(self) -> None:
        """Begin to count."""
        self.replies: dict[str, list[float]] = {mode: [] for mode in MODES}  # ms
        self.from_joining: dict[str, list[float]] = {mode: [] for mode in MODES}
        self.from_asking: dict[str, list[float]] = {mode: [] for mode in MODES}
        self.costs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
        self.turn_bytes: list[float] = []
        self.missed = 0

    async def pair(self, number: int, turns: int) -> None:
        """One durable and one plain call, side by side."""
        order = MODES if number % 2 else MODES[::-1]
        callers: dict[str, Caller] = {}
        async with AsyncExitStack() as stack:
            for mode in order:
                callers[mode] = await self._greeted(stack, mode, number)
            await self._warm()
            before = self._journal_bytes(number)
            for turn in range(turns):
                await self._turn(callers, order if turn % 2 else order[::-1], turn)
            self.turn_bytes.append((self._journal_bytes(number) - before) / turns)
        for mode in MODES:
            await self._leave(mode, number)

    async def _greeted(self, stack: AsyncExitStack, mode: str, number: int) -> Caller:
        await self._warm()
        asked = time.monotonic()
        room = await asyncio.to_thread(self.house.create_room, name_of(mode, number))
        self._jobs += 1
        joining = Caller.join(room["url"], room["token"], self.voice)
        caller: Caller = await stack.enter_async_context(joining)
        joined = time.monotonic()
        heard = await caller.hear(after=0.0, quiet_s=QUIET_S, within_s=GREETING_S)
        self.from_asking[mode].append((heard - asked) * 1e3)
        self.from_joining[mode].append((heard - joined) * 1e3)
        return caller

    async def _turn(self, callers: dict[str, Caller], order: Sequence[str], turn: int) -> None:
        """The same sentence in both rooms; a turn that fails in one counts in neither."""
        took = {}
        for mode in order:
            await asyncio.sleep(PAUSE_S)
            caller = callers[mode]
            caller.sound.clear()
            said = await caller.play(self.sentences[turn % len(self.sentences)])
            try:
                heard = await caller.hear(after=said, quiet_s=QUIET_S, within_s=REPLY_S)
            except TimeoutError:
                self.missed += 1
                return
            took[mode] = (heard - said) * 1e3
        for mode, ms in took.items():
            self.replies[mode].append(ms)

    async def _leave(self, mode: str, number: int) -> None:
        name = name_of(mode, number)
        url = f"{self.house.service_url}/api/v1/rooms/{name}"
        (await asyncio.to_thread(httpx.delete, url, timeout=20)).raise_for_status()
        path = self.house.folder / "costs" / f"{name}.json"
        await until(path.exists, f"the costs of {name}")
        self.costs[mode].append(json.loads(path.read_text()))

    async def _warm(self) -> None:
        """All idle job processes wait for a call, none is being made."""
        log, wanted = self.house.log, self._jobs + IDLE_JOBS
        await until(lambda: log("worker").count("process initialized") >= wanted, "warm processes")

    def _journal_bytes(self, number: int) -> int:
        return self.house.journals(name_of("durable", number))[-1].stat().st_size


def name_of(mode: str, number: int) -> str:
    return f"{PLAIN if mode == 'plain' else 'durable-'}{number}"


def spoken(voice: HibariTTS, text: str) -> Pcm:
    """Up to the last loud sample: its end is the end of speech."""
    samples = resampled(np.concatenate(list(voice.voice.stream(text, 1.0, 0))), 24_000)
    return samples[: int(np.flatnonzero(np.abs(samples) > LOUD)[-1]) + 1]


async def until(condition: Any, what: str) -> None:
    try:
        async with asyncio.timeout(HANG_S):
            while not condition():
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise SystemExit(f"waited {HANG_S:g} s for {what}") from error


async def talk(run: Run, folder: Path) -> tuple[Talk, Noise]:
    (folder / "costs").mkdir()
    house = House(folder, "bench.talk_worker", **{FOLDER: str(folder / "costs")})
    with house:
        whole = Talk(house, HibariTTS(), run)
        await whole.pair(WARM_UP, 1)
        whole.forget()
        with Noise.watched() as noise:
            for number in range(PAIRS_QUICK if run.is_quick else PAIRS):
                await whole.pair(number, TURNS_QUICK if run.is_quick else TURNS)
                run.say(f"pair {number + 1}: {_last(whole)}")
    return whole, noise


def _last(whole: Talk) -> str:
    return ", ".join(
        f"{mode} greeting {whole.from_joining[mode][-1]:.0f} ms, "
        f"reply {statistics.median(whole.replies[mode] or [0]):.0f} ms (median so far)"
        for mode in MODES
    )


def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, noise = asyncio.run(talk(run, Path(folder)))
    found = result(whole)
    run.keep(found, noise, page(found))


def result(whole: Talk) -> dict[str, Any]:
    measured = {
        "end_of_speech_to_first_sound_ms": whole.replies,
        "joined_to_greeting_ms": whole.from_joining,
        "room_asked_for_to_greeting_ms": whole.from_asking,
    }
    return {
        "level": "plain: memory; durable: process at once, service behind the call's back",
        "summary": {
            name: {mode: figures.described(of[mode], 0) for mode in MODES}
            | {"difference": figures.paired(of["plain"], of["durable"])}
            for name, of in measured.items()
        },
        "job": {mode: job(whole.costs[mode]) for mode in MODES},
        "steps_us": steps(whole.costs["durable"]),
        "journal_bytes_per_voice_turn": figures.described(whole.turn_bytes, 0),
        "turns_missed": whole.missed,
        "raw": {
            name: {m: [round(v, 1) for v in of[m]] for m in MODES} for name, of in measured.items()
        },
    }


def job(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """CPU of the job's process, all of it, and how late its event loop's 10 ms timer was."""
    return {
        "cpu_share": figures.described([c["cpu_s"] / c["wall_s"] for c in costs], 3),
        "timer_late_ms": figures.described([late for c in costs for late in c["late_ms"]], 2),
    }


def steps(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first call of a step in a process is told apart: it fills caches."""
    found: dict[str, Any] = {}
    for name in costs[0]["steps_us"]:
        each = [c["steps_us"][name] for c in costs]
        firsts, later = [t[0] for t in each if t], [pair for t in each for pair in t[1:]]
        if later:
            found[f"{name}, first of a job"] = step(firsts)
            found[name] = step(later)
    return found


def step(taken: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {
        "wall": figures.described([wall for wall, _ in taken]),
        "cpu": figures.described([cpu for _, cpu in taken]),
        "over_1_ms": sum(wall > 1_000 for wall, _ in taken),
        "over_1_ms_of_cpu": sum(cpu > 1_000 for _, cpu in taken),
    }


def page(found: dict[str, Any]) -> str:
    rows, differences = [], []
    for name, of in found["summary"].items():
        words = name.removesuffix("_ms").replace("_", " ")
        rows += [[words, m, of[m]["n"], of[m]["p50"], of[m]["p99"], of[m]["max"]] for m in MODES]
        d = of["difference"]
        differences.append(
            f"* {words}: durable / plain **{d['ratio_of_medians']}** (medians); median of the "
            f"paired differences {d['median_difference']} ms, 95 % interval {d['from']} to "
            f"{d['to']} ms."
        )
    took = [
        [name, s["wall"]["n"], s["wall"]["p50"], s["wall"]["p99"], s["wall"]["max"],
         s["cpu"]["p50"], s["cpu"]["max"], s["over_1_ms"], s["over_1_ms_of_cpu"]]
        for name, s in found["steps_us"].items()
    ]  # fmt: skip
    late = [
        [m, found["job"][m]["cpu_share"]["p50"], *(
            found["job"][m]["timer_late_ms"][q] for q in ("n", "p50", "p99", "p99.9", "max")
        )]
        for m in MODES
    ]  # fmt: skip
    size = found["journal_bytes_per_voice_turn"]
    return "\n".join(
        [
            "Both rooms open at once, the same sentence in both, in turn; scripted model (no",
            "thinking time), so what is measured is turn detection, transcription, speech, network",
            "on this machine, and Unbroken. p99 only from 100 values; below that see max. The wait",
            "for a greeting contains the start of the next warm process, in both alike.",
            "",
            figures.table(["ms", "", "n", "p50", "p99", "max"], rows),
            "",
            *differences,
            f"* Turns without an answer, counted in neither: {found['turns_missed']}.",
            f"* Journal per spoken turn, with marks: {size['p50']:,} bytes (n {size['n']} calls).",
            "",
            "Unbroken's steps on the durable jobs' event loop (record is inside scan):",
            "",
            figures.table(
                ["µs", "n", "p50", "p99", "max", "CPU p50", "max", "> 1 ms", "> 1 ms CPU"], took
            ),
            "",
            "The whole job process (CPU in cores) and how late a 10 ms timer in its loop was:",
            "",
            figures.table(["", "cores p50", "timers", "p50 ms", "p99", "p99.9", "max"], late),
        ]
    )
