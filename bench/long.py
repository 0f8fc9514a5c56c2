"""One long conversation in one room, its agent killed thirty times at random moments.

After each kill the successor's live objects are compared with those of the agent that died; at the
end the fold of the whole log is compared with the last agent's live objects, and each sentence
that the caller spoke is looked for in it.
"""

import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from agents.speech.hibari import HibariTTS
from bench.kills import house_in
from bench.report import Noise, Run
from tests.e2e.caller import Caller
from tests.e2e.house import House
from tests.e2e.test_failover import Victim, assert_same
from tests.e2e.waiting import until
from unbroken.log.session import fold

KILLS, KILLS_QUICK = 30, 2
CYCLE_S = 30.0  # of which a part is speaking; thirty of them are fifteen minutes
WAIT_MAX_S = 6.0  # between the end of the sentence and the kill
SAID = (
    "Please tell me a story.",
    "Good morning, can you hear me?",
    "Please think about the weather.",
    "Keep a note about the garden.",
)
SEED = 7


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _measure(run: Run) -> None:
    voice, chance = HibariTTS(), random.Random(SEED)  # noqa: S311 - no secret
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        house_in(Path(folder)) as house,
    ):
        figures = await _talk(run, house, voice, chance)
    run.keep(figures, noise, _page(figures))


async def _talk(run: Run, house: House, voice: HibariTTS, chance: random.Random) -> dict[str, Any]:
    room, began = house.create_room("long"), time.monotonic()
    kills: list[dict[str, Any]] = []
    async with Caller.join(room["url"], room["token"], voice) as caller:
        await caller.hear(after=0.0)
        victim = Victim(house, room, await until(lambda: house.holder_pid(room)))
        for number in range(KILLS_QUICK if run.is_quick else KILLS):
            cycle = time.monotonic()
            victim, kill = await _cycle(victim, caller, chance)
            kills.append(kill)
            run.say(f"kill {number + 1}: {kill}")
            await asyncio.sleep(max(0.0, cycle + CYCLE_S - time.monotonic()))
        await caller.hear(after=await caller.say("Thank you, that is all."), quiet_s=3.0)
        minutes = (time.monotonic() - began) / 60
        equal = await _is_equal(victim)
    return {"minutes": round(minutes, 1), "kills": kills, "history_is_equal": equal}


async def _cycle(
    victim: Victim, caller: Caller, chance: random.Random
) -> tuple[Victim, dict[str, Any]]:
    said, wait_s = chance.choice(SAID), round(chance.uniform(0, WAIT_MAX_S), 2)
    await caller.say(said)
    await asyncio.sleep(wait_s)
    killed = victim.kill()
    before = victim.state()
    successor = await victim.successor()
    restored_s = time.monotonic() - killed
    problem = None
    try:
        assert_same(before, successor.state(f"{successor.pid}.restored"))
    except AssertionError as error:
        problem = str(error)[:200]
    return successor, {
        "said": said,
        "kill_after_s": wait_s,
        "restored_s": round(restored_s, 2),
        "problem": problem,
    }


async def _is_equal(last: Victim) -> bool:
    """The fold of the log in the service against the live objects of the last agent."""
    await asyncio.sleep(3)  # the keeper is a moment behind
    log = last.house.entries(last.session()["id"])
    folded = fold((e["kind"], json.dumps(e["payload"]).encode()) for e in log)
    return folded.history == last.state()["history"]


def _page(figures: dict[str, Any]) -> str:
    kills = figures["kills"]
    survived = [kill for kill in kills if kill["problem"] is None]
    verb = "equals" if figures["history_is_equal"] else "DIFFERS FROM"
    text = (
        f"{len(kills)} kills at random moments (seed {SEED}) of one conversation of "
        f"{figures['minutes']} minutes: {len(survived)} successors had exactly the state of the "
        f"agent that died.\n\nAt the end the fold of the log {verb} the last agent's live history."
    )
    problems = [f"Problem: {kill}" for kill in kills if kill["problem"]]
    return "\n\n".join([text, *problems])
