"""kill -9 in the middle of a sentence, again and again: does the call go on, and how soon.

Each time a new call with real speech through a real livekit-server: the assistant tells a story,
its process is killed at a moment that differs from call to call, and the caller listens. A kill
counts as survived when a successor was heard, has the old agent's history and data (compared with
what the old one's live objects were), greets nobody, and the story comes to its end.

What was heard is recorded too: the words in the log are counted against those that a recogniser
writes down from the caller's sound up to the kill. Every second kill is at a sentence's end.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from bench import figures
from bench.report import Noise, Run
from tests.agents.sound import words_told
from tests.e2e.caller import Caller
from tests.e2e.house import House
from tests.e2e.test_failover import GREETING, RULES, STORY, Victim, assert_same
from tests.e2e.waiting import until

KILLS, KILLS_QUICK = 30, 2
FIRST_KILL_S, STEP_S = 1.5, 0.55  # into the story; the moments go round
MOMENTS = 16
SENTENCES = 4  # after the fifth nothing is left to say
AT_END, INSIDE = "at the end of a sentence", "inside a sentence"
DEAF_S = 0.3  # what was in the buffers may still be heard right behind the kill
LATE_S = 0.1  # on its way from the agent to the caller's ear
LAST_WORD = "glad"


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _measure(run: Run) -> None:
    voice, ears = HibariTTS(), MoonshineSTT()
    results: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        house_in(Path(folder)) as house,
    ):
        for number in range(KILLS_QUICK if run.is_quick else KILLS):
            results.append(await _one(house, voice, ears, number))
            run.say(f"kill {number + 1}: {results[-1]}")
    run.keep({"kills": results}, noise, _page(results))


def house_in(folder: Path, *, worker: str = "tests.e2e.failover_worker", **variables: str) -> House:
    """All parts, with the worker that is made to be killed."""
    (folder / "state").mkdir()
    (rules := folder / "rules.json").write_text(json.dumps(RULES))
    return House(
        folder,
        worker,
        UNBROKEN_TEST_STATE=str(folder / "state"),
        UNBROKEN_TEST_RULES=str(rules),
        UNBROKEN_CRASHES_MAX="1000",
        **variables,
    )


async def _one(house: House, voice: HibariTTS, ears: MoonshineSTT, number: int) -> dict[str, Any]:
    room = house.create_room(f"kill-{number}")
    half = number // 2
    result: dict[str, Any] = (
        {"place": AT_END, "sentence": 1 + half % SENTENCES}
        if number % 2
        else {"place": INSIDE, "moment_s": round(FIRST_KILL_S + STEP_S * (half % MOMENTS), 2)}
    )
    result |= {"silence_s": None, "problem": None}
    try:
        async with Caller.join(room["url"], room["token"], voice) as caller:
            await caller.hear(after=0.0)
            victim = Victim(house, room, await until(lambda: house.holder_pid(room)))
            await _kill_and_listen(victim, caller, ears, result)
    except (AssertionError, TimeoutError, ValueError) as error:
        result["problem"] = f"{type(error).__name__}: {error}"[:200]
    await asyncio.sleep(5)  # the next warm process loads its models: what is measured is one kill
    return result


async def _kill_and_listen(
    victim: Victim, caller: Caller, ears: MoonshineSTT, result: dict[str, Any]
) -> None:
    asked = await caller.say("Please tell me a story.")
    await until(lambda: caller.sounded(after=asked))
    began = caller.sounded(after=asked)
    if result["place"] == AT_END:
        await caller.sentence_end(result["sentence"], after=began - 0.01)
    else:
        await asyncio.sleep(max(0.0, began + result["moment_s"] - time.monotonic()))
    killed = victim.kill()
    before = victim.state()
    resumed = await caller.hear(after=killed + DEAF_S, quiet_s=2.0)
    successor = await victim.successor()
    (cut,) = assert_same(before, successor.state(f"{successor.pid}.restored"))
    heard = await caller.transcript(ears, after=began - 0.01, before=killed + LATE_S)
    result["heard"], result["recorded"] = heard, cut["content"][0]
    result["words"] = words_told(STORY, heard), len(cut["content"][0].split())
    rest = (await caller.transcript(ears, after=killed + DEAF_S)).lower()
    if GREETING in rest:
        raise ValueError("greeted again")
    if LAST_WORD not in rest:
        raise ValueError(f"the story was not told to its end: …{rest[-60:]}")
    result["silence_s"] = round(resumed - killed, 3)
    result["takeover_ms"] = victim.terms()[-1]["gap_ms"]


def _page(results: list[dict[str, Any]]) -> str:
    survived = [r for r in results if r["problem"] is None]
    silences = [r["silence_s"] for r in survived]
    lines = [
        f"{len(survived)} of {len(results)} calls went on with the old agent's state.",
        "",
        "| seconds from the kill to the successor's first sound | n | p50 | p90 | max |",
        "| --- | --- | --- | --- | --- |",
    ]
    if silences:
        p50, p90 = figures.quantile(silences, 0.5), figures.quantile(silences, 0.9)
        lines.append(f"| | {len(silences)} | {p50:.2f} | {p90:.2f} | {max(silences):.2f} |")
    lines += ["", *_accuracy(survived)]
    lines += [f"\nProblem: {r['problem']}" for r in results if r["problem"]]
    return "\n".join(lines)


def _accuracy(survived: list[dict[str, Any]]) -> list[str]:
    rows = []
    for place in (INSIDE, AT_END):
        apart = sorted(r["words"][1] - r["words"][0] for r in survived if r["place"] == place)
        if apart:
            middle = figures.quantile(apart, 0.5)
            rows.append([place, len(apart), apart[0], f"{middle:.0f}", apart[-1]])
    head = ["recorded words more than the recogniser heard", "n", "min", "p50", "max"]
    return figures.table(head, rows).splitlines()
