"""Keepers and agents that are stopped, as by a paused machine, and agents whose loop is busy.

A keeper that was stopped and goes on kills nobody who is well; neither does its successor. An agent
that is busy for eight seconds lives; one that is stopped is killed, before its session is orphaned.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.parts import Child, Service, end_keepers, keeper_of, started
from bench.host.store import Store
from tests.core.conftest import new_header
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.live.heartbeat import tend
from unbroken.live.live import Live

AGENTS, BUSY_EACH = 6, 3
ENTRY_S = 0.2
BUSY_S, BUSY_PAUSE_S = 8.0, 4.0
STOPS_S = (2.0, 14.0)
REST_S = 4.0
KILL_S = 40.0  # a stopped agent is killed after 3 s; the rest is a busy machine
RESERVE_S = 25


@dataclass
class Agent:
    child: Child
    seed: int

    @property
    def is_alive(self) -> bool:
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def attack(a: Attack) -> None:
    folder = a.round(0)
    service = Service(folder)
    spool = Spool.open(Host(), str(folder / "spool"), archive=service.url)
    spool.host_id()
    claims: list[Claim] = []
    with started(service):
        try:
            agents = [_agent(spool, seed) for seed in range(AGENTS)]
            time.sleep(REST_S)
            chance = a.chance()
            while not a.counts["keepers stopped"] or a.left_s() > RESERVE_S:
                _stop_keeper(a, spool, agents, chance.uniform(*STOPS_S))
                agents, gone = _replace(a, spool, agents, chance)
                claims.append(_claim(gone))
            claims += [_claim(agent) for agent in agents]
            store = Store(service.data)
            a.require(checker.settle(store, claims), "a dead holder's end is not told")
            checker.check(a, store, claims)
        finally:
            end_keepers(spool.folder)
    a.require_exercised("keepers stopped", "agents stopped")


def _agent(spool: Spool, seed: int) -> Agent:
    return Agent(Child(lambda tell: asyncio.run(_live(tell, spool, seed))), seed)


async def _live(tell: Callable[..., None], spool: Spool, seed: int) -> None:
    """As an agent lives: it writes, and tends to its beat and its keeper. To be killed."""
    header = new_header(spool.env, spool, room=f"room {seed}", sid=f"RM_{seed}")
    live = Live.open(spool, header)
    tell("header", str(header.new_session_id))
    tending = asyncio.create_task(tend(live, spool))
    live.ack.ready()
    busy_at = time.monotonic() + BUSY_PAUSE_S
    n = 0
    while not tending.done():
        n += 1
        live.record(said.entry(seed, n))
        tell("written", live.journal.written)
        await asyncio.sleep(ENTRY_S)
        if seed % BUSY_EACH == 0 and time.monotonic() > busy_at:
            time.sleep(BUSY_S)  # noqa: ASYNC251 - a synchronous tool that stops the loop
            busy_at = time.monotonic() + BUSY_PAUSE_S


def _stop_keeper(a: Attack, spool: Spool, agents: list[Agent], seconds: float) -> None:
    pid = keeper_of(spool.folder)
    a.require(pid, "the agents have no keeper")
    if pid is None:
        return
    a.counts["keepers stopped"] += 1
    _signal(pid, signal.SIGSTOP)
    time.sleep(seconds)
    _signal(pid, signal.SIGCONT)  # unless the agents have replaced it meanwhile
    time.sleep(REST_S)
    dead = [agent.seed for agent in agents if not agent.is_alive]
    a.require(not dead, f"after a keeper's stop of {seconds:.1f} s agents {dead} are dead")


def _replace(
    a: Attack, spool: Spool, agents: list[Agent], chance: random.Random
) -> tuple[list[Agent], Agent]:
    """Stop an agent: its keeper kills it. Another one comes in its place."""
    victim = chance.choice(agents)
    a.counts["agents stopped"] += 1
    _signal(victim.child.pid, signal.SIGSTOP)
    until = time.monotonic() + KILL_S
    while victim.is_alive and time.monotonic() < until:
        time.sleep(0.05)
    a.require(not victim.is_alive, f"a stopped agent lives after {KILL_S:g} s")
    others = [agent for agent in agents if agent is not victim]
    return [*others, _agent(spool, AGENTS * 10 + a.counts["agents stopped"])], victim


def _claim(agent: Agent) -> Claim:
    facts = {str(name): more for name, *more in agent.child.kill()}
    written = int(str(facts["written"][0])) if "written" in facts else 0
    return Claim(UUID(str(facts["header"][0])), agent.seed, written)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
