"""What `Hooks.scan` costs behind an event of a real AgentSession, and the journal of a turn."""

import asyncio
import time
from typing import Any

from livekit.agents import Agent, AgentSession

from agents.core.order import Order
from bench import figures
from bench.calls import open_live
from bench.shipping import message
from tests.agents.scripted import ScriptedLLM
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.live.live import Live
from unbroken.livekit.hooks import Hooks

CELLS = ((10, 25, 20), (1_000, 5, 100), (5_000, 2, 250))  # items, calls, events in each
QUICK = ((10, 2, 10), (1_000, 1, 30))
PAUSE_S = 0.005
TURNS = 20
REPLY = "Yes, I have noted a table for four people on Friday evening, and no nuts for one of you."
Taken = list[tuple[float, float]]  # wall and CPU, µs


class Conversation:
    """A real session without a room, its hooks, and a history of `length` messages."""

    def __init__(self, spool: Spool) -> None:
        self.live = open_live(spool, "bench-scan")
        self.session = AgentSession[Order](llm=ScriptedLLM([("", REPLY)]), userdata=Order())
        self.agent = Agent(instructions="Answer in one sentence.")
        self.hooks = Hooks(spool.env, self.live, self.session)

    async def start(self, length: int) -> None:
        self.hooks.attach(self.agent)
        await self.session.start(self.agent)
        self.hooks.attach_audio()
        self.grow(length)
        self.hooks.scan()
        await asyncio.sleep(0.1)  # what events of the start have asked for

    def grow(self, count: int, *, first: int = 0) -> None:
        """As LiveKit does: the same object in the history and in the agent's context."""
        for number in range(first, first + count):
            item = message(number)
            self.session.history.items.append(item)
            self.agent._chat_ctx.items.append(item)  # noqa: SLF001 - where LiveKit puts it, too

    def scan(self) -> tuple[float, float]:
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        self.hooks.scan()
        cpu = time.thread_time_ns() - began_cpu
        return (time.perf_counter_ns() - began) / 1e3, cpu / 1e3

    async def close(self) -> None:
        await self.session.aclose()
        await self.live.close("ended")


async def measured(spool: Spool, *, is_quick: bool) -> list[dict[str, Any]]:
    """At each length: a scan that finds nothing, and one that finds a new message."""
    found = []
    for length, calls, count in QUICK if is_quick else CELLS:
        quiet: Taken = []
        busy: Taken = []
        for _ in range(calls):
            conversation = Conversation(spool)
            await conversation.start(length)
            for number in range(count):
                await asyncio.sleep(PAUSE_S)
                quiet.append(conversation.scan())
                conversation.grow(1, first=length + number)
                busy.append(conversation.scan())
            assert_kept(conversation.live, length + count)
            await conversation.close()
        found += [row(length, "nothing new", quiet), row(length, "a new message", busy)]
    return found


def assert_kept(live: Live, count: int) -> None:
    """Figures of a scan that does not see the items would be worth nothing."""
    if (kept := live.session.message_count) != count:
        raise SystemExit(f"the scan kept {kept} of {count} messages: nothing was measured")


def row(length: int, what: str, taken: Taken) -> dict[str, Any]:
    return {
        "items": length,
        "what": what,
        "wall_us": figures.described([wall for wall, _ in taken]),
        "cpu_us": figures.described([cpu for _, cpu in taken]),
    }


async def turn_bytes(spool: Spool) -> dict[str, Any]:
    """The journal's growth by a question and its reply, both 90 characters, without speech."""
    conversation = Conversation(spool)
    await conversation.start(10)
    path = spool.journal(conversation.live.journal.header.holder)
    before, entries = size(path), conversation.live.journal.appended
    for number in range(TURNS):
        question = f"{number}: " + REPLY.replace("Yes, I have", "Please, have you")
        await conversation.session.generate_reply(user_input=question)
    await asyncio.sleep(0.2)
    grown = size(path) - before
    entries = conversation.live.journal.appended - entries
    await conversation.close()
    return {
        "turns": TURNS,
        "bytes": round(grown / TURNS),
        "entries": round(entries / TURNS, 1),
        "reply_characters": len(REPLY),
    }


def size(path: str) -> int:
    file = Host().open(path)
    try:
        return file.size()
    finally:
        file.close()


def table(rows: list[dict[str, Any]]) -> str:
    quantiles = ("p50", "p99", "max")
    lines = [
        [r["items"], r["what"], r["wall_us"]["n"], *(
            r[kind][q] for kind in ("wall_us", "cpu_us") for q in quantiles
        )]
        for r in rows
    ]  # fmt: skip
    head = ["items in the call", "", "n", *quantiles, "CPU p50", "CPU p99", "CPU max"]
    return figures.table(head, lines)
