"""Agents that talk are killed (SIGKILL) at random moments: what was said and is in no store?

Once while every server answers, and once while those that a way saves to are away: killed a second
after the calls began, and started again when the agents are dead.
"""

import dataclasses
import gc
import os
import random
import signal
import time
from typing import Any

from bench.comparison import counting, stored, victim
from bench.comparison.counting import Loss
from bench.comparison.names import AWAY, NATIVE, OURS, REDIS, THERE
from bench.comparison.servers import Servers
from bench.comparison.servers import start as start_parts
from bench.comparison.start import Start
from bench.comparison.talkers import Places
from bench.host.parts import Child
from bench.report import Run

WAYS = (REDIS, NATIVE, *OURS.values())
KILLS, KILLS_QUICK = 100, 3  # of each way
AT_ONCE = 50  # of each way: calls that go on side by side
AWAY_S = 1.0  # behind the start of the calls
KILL_S = (1.5, 3.0)


def measured(run: Run, servers: Servers) -> list[dict[str, Any]]:
    gc.freeze()  # else each child copies what its first collection touches
    kills = KILLS_QUICK if run.is_quick else KILLS
    chance = random.Random(13)  # noqa: S311 - no secret
    rows = []
    for condition in (THERE, AWAY):
        found: dict[str, list[Loss]] = {way: [] for way in WAYS}
        for first in range(0, kills, AT_ONCE):
            numbers = range(first, min(kills, first + AT_ONCE))
            _batch(servers, condition, numbers, chance, found)
        rows += [_row(condition, way, found[way]) for way in WAYS]
        run.say(f"killed, while the servers were {condition}")
    return rows


def _batch(
    servers: Servers,
    condition: str,
    numbers: range,
    chance: random.Random,
    found: dict[str, list[Loss]],
) -> None:
    """All ways side by side, so that they have the same machine and the same moments."""
    start = Start()
    victims = [
        _Victim.made(servers, start, way, f"{condition} {WAYS.index(way)} {number}", chance)
        for number in numbers
        for way in WAYS
    ]
    began = start.begin(len(victims))
    if condition == AWAY:
        _until(began + AWAY_S)
        for part in servers.that_may_go:
            part.kill()
    for one in sorted(victims, key=lambda one: one.kill_s):
        _until(began + one.kill_s)
        os.kill(one.child.pid, signal.SIGKILL)
    seen = [(one, counting.witness(one.child.wait())) for one in victims]
    if condition == AWAY:
        start_parts(servers.that_may_go)
    stored.settle(servers, [(one.way, told) for one, told in seen])
    for one, told in seen:
        there = stored.names(servers, one.way, one.room, told)
        found[one.way].append(counting.loss(told, there))


@dataclasses.dataclass(frozen=True)
class _Victim:
    way: str
    room: str
    kill_s: float  # behind the start
    child: Child

    @classmethod
    def made(
        cls, servers: Servers, start: Start, way: str, room: str, chance: random.Random
    ) -> "_Victim":
        places = Places(servers.redis.url, servers.backend.url, servers.ours(way).spool)
        child = Child(lambda tell: victim.talk(tell, start, way, room, places))
        return cls(way, room, chance.uniform(*KILL_S), child)


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _row(condition: str, way: str, losses: list[Loss]) -> dict[str, Any]:
    return {
        "servers": condition,
        "way": way,
        "kills": len(losses),
        "kills_with_loss": sum(one.lost > 0 for one in losses),
        "said": sum(one.said for one in losses),
        "lost": sum(one.lost for one in losses),
        "went_on": sum(one.went_on for one in losses),
        "lost_max": max(one.lost for one in losses),
        "raw": [dataclasses.astuple(one) for one in losses],
    }
