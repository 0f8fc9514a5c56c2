"""An effect's intent is in the log, as safe as asked, before the tool runs."""

import asyncio
import sys
from types import SimpleNamespace

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm.utils import build_legacy_openai_schema

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header, store
from unbroken import ArchiveUnavailable, LevelUnavailable, OldFence, current_effect, effect
from unbroken.coordination.holding import Lock
from unbroken.coordination.lease import LOCK, LeaseAsk, Pool
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.errors import JournalUnwritable
from unbroken.journal.ack import ENDED, FENCED
from unbroken.keeper import Keeper
from unbroken.live.held import locks_of
from unbroken.live.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks

__all__ = ["store"]

effects = sys.modules[effect.__module__]

RULES = [
    ("table", {"tool": "book", "arguments": {"day": "friday"}}),
    ("taxi", {"tool": "ride", "arguments": {"day": "friday"}}),
    ("note", {"tool": "jot", "arguments": {}}),
    ("ring", {"tool": "ring", "arguments": {}}),
    ("print", {"tool": "print_menu", "arguments": {}}),
    ("", "Yes."),
]


class Told:
    """Stands for an AgentSession."""


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="desk")
        self.keys: list[str] = []
        self.acked: list[int] = []

    @function_tool
    @effect(retry="query", wait_s=20)
    async def book(self, context: RunContext, day: str) -> str:
        """Book a table.

        Args:
            day: which day
        """
        self.keys.append(current_effect().key)
        live = by_agent_session[context.session]
        self.acked.append(live.ack.acked)
        return "Booked."

    @function_tool
    @effect(retry="ask", wait_s=0.01)
    async def ride(self, context: RunContext, day: str) -> str:
        """Order a taxi.

        Args:
            day: which day
        """
        self.keys.append(current_effect().key)
        return "Ordered."

    @function_tool
    @effect(retry="safe", level="process")
    async def jot(self, context: RunContext) -> str:
        """Jot something down."""
        self.keys.append(current_effect().key)
        return "Jotted."

    @function_tool
    @effect(retry="safe", at_bound="run", wait_s=0.01)
    async def ring(self, context: RunContext) -> str:
        """Ring, whether or not anybody knows that it was meant to be done."""
        self.keys.append(current_effect().key)
        return "Rang."

    @function_tool
    @effect(retry="safe", level="process", fence="menu")
    async def print_menu(self, context: RunContext) -> str:
        """Print the menu."""
        self.keys.append(current_effect().key)
        return "Printed."


@pytest.fixture
async def desk(env, spool):
    live = Live.open(spool, new_header(env, spool))
    session = AgentSession(llm=ScriptedLLM(RULES))
    by_agent_session[session] = live
    hooks = Hooks(env, live, session)
    agent = Desk()
    hooks.attach(agent)
    await session.start(agent)
    yield agent, session, live
    await session.aclose()
    await live.close("left")


async def test_the_intent_is_stored_before_the_tool_runs(desk, spool, store):
    agent, session, live = desk
    keeping = asyncio.create_task(Keeper(spool, store.archive).run())
    await session.generate_reply(user_input="a table please")
    await session.generate_reply(user_input="a table please")
    keeping.cancel()
    tools = list(live.session.tools.values())
    assert [tool.key for tool in tools] == agent.keys
    assert len(set(agent.keys)) == 2  # another turn, another wish
    assert [tool.status for tool in tools] == ["done", "done"]
    assert all(agent.acked)


async def test_without_the_service_it_refuses(desk):
    agent, session, live = desk
    await session.generate_reply(user_input="a taxi please")
    (tool,) = live.session.tools.values()
    assert tool.status == "error"
    assert agent.keys == []


async def test_the_model_is_told_why_it_was_not_done(desk):
    _, session, _ = desk
    await session.generate_reply(user_input="a taxi please")
    outputs = [i.output for i in session.history.items if i.type == "function_call_output"]
    assert outputs == ["ride was not done: its intent is not safe at service yet"]


async def test_a_slow_service_is_waited_for(env, spool, monkeypatch):
    monkeypatch.setattr(effects, "WAIT_S", 0.05)
    ran = []

    @effect(retry="safe")
    async def send(context, what):
        ran.append(what)

    live = Live.open(spool, new_header(env, spool))
    by_agent_session[session := Told()] = live
    context = SimpleNamespace(session=session, function_call=SimpleNamespace(call_id="c"))
    sending = asyncio.create_task(send(context, "a"))
    await asyncio.sleep(0.15)  # longer than one wait
    live.ack.confirm(acked=live.journal.appended, term=1, boot_us=1)
    await sending
    assert ran == ["a"]
    await live.close("left")


async def test_a_service_that_is_away_is_named(env, spool, monkeypatch):
    monkeypatch.setattr(effects, "WAIT_S", 0.01)
    monkeypatch.setattr(effects, "AWAY_S", -1.0)

    @effect(retry="safe")
    async def send(context, what):
        raise AssertionError(what)

    live = Live.open(spool, new_header(env, spool))
    by_agent_session[session := Told()] = live
    context = SimpleNamespace(session=session, function_call=SimpleNamespace(call_id="c"))
    with pytest.raises(LevelUnavailable, match="send was not done: the service is away"):
        await send(context, "a")
    await live.close("left")


WISHES = ["a table please", "a taxi please", "note this", "ring please"]


async def statuses(session, live, wish):
    await session.generate_reply(user_input=wish)
    return [tool.status for tool in live.session.tools.values()]


async def test_with_nobody_to_tell_only_what_may_run_then_runs(desk):
    agent, session, live = desk
    assert await statuses(session, live, "note this") == ["done"]
    assert await statuses(session, live, "ring please") == ["done", "done"]
    assert len(agent.keys) == 2


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("flag", [FENCED, ENDED])
async def test_a_deposed_agent_does_nothing_any_more(desk, wish, flag):
    agent, session, live = desk
    live.ack.flag(flag)
    live.ack.confirm(acked=1_000, term=1, boot_us=1)  # as if all that it says were stored
    assert await statuses(session, live, wish) == ["error"]
    assert agent.keys == []


@pytest.mark.parametrize("wish", WISHES)
async def test_behind_the_end_of_a_call_nothing_is_done(desk, wish):
    agent, session, live = desk
    await live.close("left")
    live.ack.confirm(acked=1_000, term=1, boot_us=1)
    await session.generate_reply(user_input=wish)
    assert agent.keys == []


@pytest.mark.parametrize("wish", WISHES)
async def test_what_was_meant_and_is_lost_is_not_done(desk, wish, monkeypatch):
    agent, session, live = desk

    def refuse(*_: object, **__: object) -> int:
        raise JournalUnwritable("the disk takes nothing")

    monkeypatch.setattr(live.journal, "append", refuse)
    live.ack.confirm(acked=1_000, term=1, boot_us=1)
    assert await statuses(session, live, wish) == ["error"]
    assert agent.keys == []


@pytest.mark.parametrize("wish", ["a table please", "a taxi please"])
async def test_what_was_meant_and_the_service_lost_is_not_done(desk, wish):
    agent, session, live = desk
    losing = asyncio.create_task(lose_next_intent(live))
    assert await statuses(session, live, wish) == ["error"]
    await losing
    assert agent.keys == []


async def lose_next_intent(live):
    """The keeper names it lost, and confirms what is behind it."""
    async with asyncio.timeout(30):
        while not any(tool.key for tool in live.session.tools.values()):
            await asyncio.sleep(0)
    n = live.journal.appended
    live.ack.lose(n)
    live.ack.confirm(acked=n, term=1, boot_us=1)


def test_the_schema_is_the_tools_own():
    (book,) = [tool for tool in Desk().tools if tool.id == "book"]
    schema = build_legacy_openai_schema(book)["function"]
    assert schema["description"].strip() == "Book a table."
    assert list(schema["parameters"]["properties"]) == ["day"]


def test_outside_of_an_effect_there_is_none():
    with pytest.raises(LookupError):
        current_effect()


@pytest.mark.parametrize("at_bound", ["refuse", "run"])
@pytest.mark.parametrize("level", ["process", "disk", "service"])
async def test_without_a_recorded_intent_it_does_not_run(env, spool, level, at_bound):
    ran = []

    @effect(retry="safe", level=level, wait_s=20, at_bound=at_bound)
    async def send(context, what):
        ran.append(what)

    live = Live.open(spool, new_header(env, spool))
    by_agent_session[session := Told()] = live
    context = SimpleNamespace(session=session, function_call=SimpleNamespace(call_id="c"))
    with pytest.raises(LevelUnavailable, match="is lost"):  # beyond every bound
        await send(context, "x" * (18 << 20))
    await live.close("left")
    with pytest.raises(LevelUnavailable, match="closed"):
        await send(context, "behind close")
    assert ran == []


@pytest.mark.parametrize("flag", [FENCED, ENDED])
async def test_a_deposed_agents_effect_does_not_run(env, spool, flag):
    ran = []

    @effect(retry="safe", wait_s=20, at_bound="run")
    async def send(context, what):
        ran.append(what)

    live = Live.open(spool, new_header(env, spool))
    by_agent_session[session := Told()] = live
    live.ack.flag(flag)
    with pytest.raises(LevelUnavailable):
        await send(SimpleNamespace(session=session, function_call=SimpleNamespace(call_id="c")), 1)
    assert ran == []
    await live.close("left")


# What is done under a lock only.


class Leases(WaitedLeases):
    """May be away."""

    away = False

    async def renew(self, lease_id, *, ttl_us):
        if self.away:
            raise ArchiveUnavailable("away")
        return await super().renew(lease_id, ttl_us=ttl_us)


@pytest.fixture
def leases():
    return Leases(MemoryLeases())


def menu(env, leases, live=None):
    ask = LeaseAsk(lease_id=env.new_id(), pool=Pool(LOCK, "menu"), ttl_us=60_000_000)
    return Lock(leases, env, ask, held=locks_of(live) if live else None)


def outcome(session, live):
    """What the log has of the newest tool, and what the model was told."""
    outputs = [i.output for i in session.history.items if i.type == "function_call_output"]
    return list(live.session.tools.values())[-1].status, outputs[-1]


async def test_under_its_lock_it_is_done(desk, env, leases):
    agent, session, live = desk
    async with menu(env, leases, live):
        await session.generate_reply(user_input="print it")
    assert (outcome(session, live), len(agent.keys)) == (("done", "Printed."), 1)


async def test_without_its_lock_it_is_refused_and_the_model_is_told(desk, env, leases):
    agent, session, live = desk
    async with menu(env, leases, live):
        pass  # it was held
    await session.generate_reply(user_input="print it")
    said = "print_menu was not done: the lock menu is not held here"
    assert (outcome(session, live), agent.keys) == (("error", said), [])


async def test_with_an_old_fence_it_is_refused_before_it_runs(desk, env, leases):
    agent, session, live = desk
    async with menu(env, leases, live) as held:
        await leases.release(held._ask.lease_id)  # as the service does when it misses the agent
        async with menu(env, leases):
            await session.generate_reply(user_input="print it")
    said = "print_menu was not done: the lock menu is not held any more"
    assert (outcome(session, live), agent.keys) == (("error", said), [])


async def test_while_the_service_is_away_the_clock_says_whose_the_lock_is(desk, env, leases):
    agent, session, live = desk
    async with menu(env, leases, live) as held:
        leases.away = True
        await session.generate_reply(user_input="print it")
        assert outcome(session, live) == ("done", "Printed.")
        held._until_us = 0  # its time is over
        await session.generate_reply(user_input="print it again")
        assert outcome(session, live)[0] == "error"
    assert len(agent.keys) == 1


async def test_the_lock_of_another_session_is_none(env, spool, leases):
    ran = []

    @effect(retry="safe", level="process", fence="menu")
    async def send(context, what):
        ran.append(what)

    mine, other = (Live.open(spool, new_header(env, spool, room=r)) for r in ("one", "two"))
    by_agent_session[session := Told()] = mine
    context = SimpleNamespace(session=session, function_call=SimpleNamespace(call_id="c"))
    async with menu(env, leases, other):
        with pytest.raises(OldFence, match="not held here"):
            await send(context, "a")
    assert ran == []
    for live in (mine, other):
        await live.close("left")
