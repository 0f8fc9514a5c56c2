"""From the kill to the successor's voice, stage by stage: kill -9 of a speaking agent, many times.

Each time a new call: the agent is killed in the middle of its greeting, with a warm process
standing by. One machine, so one clock: the keeper's log says when it saw the death, the service
when the session was orphaned and taken, the caller when the old agent was gone, the new one there
and heard.
"""

import asyncio
import os
import re
import signal
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.speech.hibari import HibariTTS
from bench import figures
from bench.kills import house_in
from bench.report import Noise, Run
from tests.e2e.caller import Caller
from tests.e2e.house import House

RUNS, RUNS_QUICK = 100, 2
INTO_S = 1.2  # of a greeting of three and a half seconds
HANG_S = 30.0
WARM_S = 6.0  # two processes were used up: let the next ones load their models
STAGES = ("death seen", "orphaned", "removed", "term moved", "participant listed", "first sound")
TARGETS = "term moved p50 < 0.7 s, first sound p50 < 1.2 s and p99 < 2.5 s"


def measure(run: Run) -> None:
    asyncio.run(_measure(run))


async def _measure(run: Run) -> None:
    voice = HibariTTS()
    runs: list[dict[str, float]] = []
    problems: list[str] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Noise.watched() as noise,
        house_in(Path(folder), UNBROKEN_IDLE_JOBS="2") as house,
    ):
        for number in range(RUNS_QUICK if run.is_quick else RUNS):
            try:
                runs.append(await _one(house, voice, f"failover-{number}"))
                run.say(f"{number + 1}: {runs[-1]}")
            except (TimeoutError, LookupError, ValueError) as error:
                problems.append(f"{number + 1}: {type(error).__name__} {error}")
                run.say(problems[-1])
            await asyncio.sleep(WARM_S)
    run.keep({"runs": runs, "problems": problems}, noise, _page(runs, problems))


async def _one(house: House, voice: HibariTTS, name: str) -> dict[str, float]:
    room = house.create_room(name)
    async with Caller.join(room["url"], room["token"], voice) as caller:
        events: dict[str, float] = {}
        await _until(lambda: bool(caller.sounded(after=0.0)))
        old = next(iter(caller.room.remote_participants))
        caller.room.on("participant_disconnected", lambda _who: _note(events, "removed"))
        caller.room.on("participant_connected", lambda _who: _note(events, "participant listed"))
        await asyncio.sleep(INTO_S)
        holder, pid = house.journals(name)[-1].stem, house.job_pid(name)
        killed, killed_mono = time.time(), time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await _until(lambda: any(who != old for _, who in caller.voices))
        heard = next(at for at, who in caller.voices if who != old)
        events["first sound"] = killed + heard - killed_mono
        events |= await _told(house, room, holder)
    return {stage: round(events[stage] - killed, 4) for stage in STAGES}


async def _told(house: House, room: dict[str, Any], holder: str) -> dict[str, float]:
    """What service and keeper say of it."""
    (session,) = house.sessions(room["conversation_id"])
    async with asyncio.timeout(HANG_S):
        while (
            len(terms := house.get(f"/sessions/{session['id']}")["terms"]) < 2
            or not (terms[1]["report"])
        ):
            await asyncio.sleep(0.05)
    taken = datetime.fromisoformat(terms[1]["taken_at"]).timestamp()
    seen = re.search(rf"^(\S+ \S+) .*holder gone: {holder}", _keeper_log(house), re.MULTILINE)
    if seen is None:
        raise LookupError("the keeper's log does not name the death")
    moment = datetime.strptime(seen[1], "%Y-%m-%d %H:%M:%S,%f").astimezone()
    return {
        "death seen": moment.timestamp(),
        "orphaned": taken - terms[1]["gap_ms"] / 1_000,
        "term moved": taken,
    }


def _keeper_log(house: House) -> str:
    return (house.spool / "keeper.log").read_text(errors="replace")


def _note(events: dict[str, float], stage: str) -> None:
    events.setdefault(stage, time.time())


async def _until(condition: Any) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.005)


def _page(runs: list[dict[str, float]], problems: list[str]) -> str:
    rows = []
    for stage in STAGES:
        values = [run[stage] for run in runs]
        quantiles = [figures.quantile(values, share) for share in (0.5, 0.95, 0.99)]
        rows.append([stage, len(values), *(f"{q:.3f}" for q in quantiles), f"{max(values):.3f}"])
    table = figures.table(["seconds after the kill", "n", "p50", "p95", "p99", "max"], rows)
    lines = [table, "", f"Targets with a warm process and a scripted model: {TARGETS}."]
    lines += ["", f"{len(problems)} of {len(runs) + len(problems)} did not recover.", *problems]
    return "\n".join(lines)
