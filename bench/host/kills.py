"""SIGKILL of holders at random moments: while they are made, while they take their session, while
they bind it, while they write; with keepers that live and keepers that are killed, too.

Every entry that was acknowledged at level process is in the log of its session.
"""

import random
import time
from collections.abc import Iterable
from uuid import UUID

from bench.host import checker, writer
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Child, Part, Service, keeper, started
from bench.host.store import Store
from unbroken.env import Host
from unbroken.journal.spool import Spool

KILLS_MAX = 250  # a round; then all that they left is checked
KEEPER_EACH = 3  # in every second round the keeper dies with every third holder
RESERVE_S = 15  # for what the last holders left


def attack(a: Attack) -> None:
    number = 0
    while number == 0 or a.left_s() > RESERVE_S:
        _round(a, number)
        number += 1
    a.require_exercised(
        *("kills of holders", "kills of keepers", "told nothing yet", "told header"),
        *("told taken", "told written"),
    )


def _round(a: Attack, number: int) -> None:
    folder = a.round(number)
    spool = Spool.open(Host(), str(folder / "spool"))
    spool.host_id()
    service = Service(folder)
    ship = keeper(spool.folder, service.url)
    chance = a.chance(number)
    claims: list[Claim] = []
    with started(service, ship):
        while len(claims) < KILLS_MAX and (not claims or a.left_s() > RESERVE_S):
            seed = number * KILLS_MAX + len(claims)
            claims.append(_one(a, spool.folder, service.url, chance, seed))
            if number % 2 == 0 and seed % KEEPER_EACH == 0:
                a.counts["kills of keepers"] += 1
                ship.kill()
                ship.start()
            _see_keeper(a, ship)
        store = Store(service.data)
        a.require(checker.settle(store, claims), f"round {number}: a dead holder's end is not told")
        _see_keeper(a, ship)
        checker.check(a, store, claims, where=f"round {number}, ")


def _one(a: Attack, folder: str, url: str, chance: random.Random, seed: int) -> Claim:
    """Start a holder and kill it at some moment."""
    child = Child(lambda tell: writer.write(tell, folder, url, seed, seed))
    time.sleep(chance.uniform(*chance.choice(((0, 0.03), (0.005, 0.06), (0.02, 0.25)))))
    told = child.kill()
    a.counts["kills of holders"] += 1
    a.counts[f"told {told[-1][0]}" if told else "told nothing yet"] += 1
    return claim_of(told, seed)


def claim_of(told: Iterable[list[object]], seed: int) -> Claim:
    """What a writer was told, from what it told us."""
    facts = {str(name): said for name, *said in told}
    session_id = UUID(str(facts["header"][0])) if "header" in facts else UUID(int=0)
    written = int(str(facts["written"][0])) if "written" in facts else 0
    return Claim(session_id, seed, told=written, is_taken="taken" in facts)


def _see_keeper(a: Attack, ship: Part) -> None:
    if ship.code is not None:
        a.violations.append(f"the keeper ended by itself, code {ship.code}")
        ship.kill()
        ship.start()
