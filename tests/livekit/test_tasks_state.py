"""What code around its tasks changes, in userdata and its agent's attributes, is changed once."""

import asyncio

import pytest
from livekit.agents import RunContext, function_tool

from tests.livekit.awaiting import Holder
from tests.livekit.test_tasks import RULES, AskAddress, AskName, Desk, Name, desk
from unbroken.env import Host

__all__ = ["desk"]


class Counting(AskName):
    """Notes in the userdata that it was answered, as the last thing that it does."""

    @function_tool
    async def give_name(self, name: str) -> None:
        """The name."""
        await asyncio.sleep(0.01)  # the look that follows a call's begin is over
        self.session.userdata["names"] += 1
        self.complete(Name(name))


class Noting(Desk):
    """Changes its state before, between and behind its awaits."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        self.done.append("begun")
        name = await Counting()
        self.done.append(name)
        address = await AskAddress()
        self.done.append(address)
        context.userdata["signed up"] = True
        await self.session.say("Thank you.")
        self.done.append("over")
        return f"Done: {name.whole}, {address}"


BEGUN, NAMED = "begun", Name("i am Ann")
OVER = [BEGUN, NAMED, "ann at example", "over"]
STATE = {"names": 1, "signed up": True}


@pytest.fixture
async def noting(env, spool):
    holder = Holder(env, spool, RULES, userdata=lambda: {"names": 0})
    return await holder.begin(Noting())


async def killed_at(holder, kind, **fields):
    """The agent and the next holder."""
    agent = Noting()
    return agent, await holder.next(agent, upto=holder.entry(kind, **fields))


async def test_what_code_changed_just_before_it_awaits_is_not_undone(noting):
    for heard in ("sign me up", "i am Ann"):
        await noting.hear(heard)
    for task, done in (("Counting", [BEGUN]), ("AskAddress", [BEGUN, NAMED])):
        agent, after = await killed_at(noting, "task_started", task=task)
        assert agent.done == done
        assert after.session.userdata == {"names": int(NAMED in done)}


async def test_what_a_task_changed_just_before_its_end_is_not_undone(noting):
    for heard in ("sign me up", "i am Ann"):
        await noting.hear(heard)
    _, after = await killed_at(noting, "task_ended", task="Counting")
    assert after.current == "AskAddress"
    assert after.session.userdata == {"names": 1}


async def test_what_code_changes_behind_its_last_task_is_not_changed_twice(noting):
    for heard in ("sign me up", "i am Ann", "ann at example"):
        await noting.hear(heard)
    assert noting.session.current_agent.done == OVER
    ended, over = noting.entry("task_ended"), noting.entry("tool_ended")
    for upto in range(ended, over):
        agent = Noting()
        after = await noting.next(agent, upto=upto)
        assert (upto, agent.done) == (upto, OVER)
        assert after.session.userdata == STATE
        again = await after.next(agent_again := Noting())
        assert (agent_again.done, again.session.userdata) == (OVER, STATE)


class Collecting(Desk):
    """Holds its list, its dict and its set while it awaits what goes into them."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        self.done.append(await AskName())
        places, kinds = context.userdata["places"], context.userdata["kinds"]
        places["asked"] = places.get("asked", 0) + 1
        kinds.add(len(kinds))
        self.done.append(await AskAddress())
        places["home"] = self.done[-1]
        kinds.add("home")
        return f"Done: {plan}"


async def test_what_code_holds_while_it_awaits_stays_what_is_kept(env, spool):
    holder = Holder(env, spool, RULES, userdata=lambda: {"places": {}, "kinds": set()})
    await holder.begin(Collecting())
    for heard in ("sign me up", "i am Ann"):
        await holder.hear(heard)
    for upto in (None, holder.entry("task_started", task="AskAddress")):
        after = await holder.next(agent := Collecting(), upto=upto)
        after = await after.next(agent := Collecting())
        await after.hear("ann at example")
        assert agent.done == [NAMED, "ann at example"]
        assert after.session.userdata == {
            "places": {"asked": 1, "home": "ann at example"},
            "kinds": {0, "home"},
        }


class Asking(Desk):
    """Asks for what it has not got yet, and says how often it was told to."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        known = context.userdata
        known["calls"] += 1
        calls = known["calls"]
        if "name" not in known:
            known["name"] = (await AskName()).whole
        known["asked"] = asked = known.get("asked", 0) + 1
        if not hasattr(self, "friend"):
            self.friend = (await AskName()).whole
        return f"Done: {known['name']} and {self.friend}, call {calls}, asked {asked}"


async def test_code_finds_at_each_await_what_it_had_found_there(env, spool):
    holder = Holder(env, spool, RULES, userdata=lambda: {"calls": 0})
    await holder.begin(Asking())
    for heard in ("sign me up", "i am Ann"):
        await holder.hear(heard)
    for upto in (None, *(holder.entry(kind) for kind in ("task_started", "task_ended"))):
        after = await holder.next(Asking(), upto=upto)
        after = await after.next(Asking())
        assert (upto, after.current) == (upto, "AskName")
        await after.hear("i am Bob")
        assert after.said[-1] == "Done: i am Ann and i am Bob, call 1, asked 1"


async def test_an_on_enter_finds_what_it_had_found(env, spool):
    class Entering(Asking):
        async def on_enter(self) -> None:
            self.session.userdata["calls"] += 1
            calls = self.session.userdata["calls"]
            name = await AskName()
            self.session.say(f"Done: {name.whole}, call {calls}")

    holder = Holder(env, spool, RULES, userdata=lambda: {"calls": 0})
    await holder.begin(Entering())
    after = await holder.next(Entering())
    await after.hear("i am Ann")
    assert after.said == ["Done: i am Ann, call 1"]
    assert after.session.userdata == {"calls": 1}


async def test_an_on_enter_that_failed_behind_its_task_is_not_run_again(env, spool):
    class Failing(Asking):
        async def on_enter(self) -> None:
            self.session.userdata["calls"] += 1
            await AskName()
            raise RuntimeError("no more")

    holder = Holder(env, spool, RULES, userdata=lambda: {"calls": 0})
    await holder.begin(Failing())
    await holder.hear("i am Ann")
    after = await holder.next(Failing())
    assert after.session.userdata == {"calls": 1}
    assert after.live.session.awaiting.places == {}


async def test_what_a_tool_changed_just_before_its_end_is_in_the_log(noting):
    for heard in ("sign me up", "i am Ann", "ann at example"):
        await noting.hear(heard)
    agent, after = await killed_at(noting, "tool_ended")
    assert (agent.done, after.session.userdata) == (OVER, STATE)


class Busy(Host):
    """Whatever is done takes ten milliseconds: state is looked at less often."""

    _now_us = 0

    def boot_us(self) -> int:
        self._now_us += 10_000
        return self._now_us


async def test_what_a_tool_that_awaited_changed_is_in_the_log_however_long_looks_take(spool):
    holder = await Holder(Busy(), spool, RULES, userdata=lambda: {"names": 0}).begin(Noting())
    for heard in ("sign me up", "i am Ann", "ann at example"):
        await holder.hear(heard)
    agent, after = await killed_at(holder, "tool_ended")
    assert (agent.done, after.session.userdata) == (OVER, STATE)


class Held(AskName):
    """Lets the application know of itself, and of an agent that awaits it."""

    async def on_enter(self) -> None:
        self.session.userdata["asking"] = [self]
        await super().on_enter()


class Holding(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        return f"Done: {(await Held()).whole}"


async def test_what_holds_a_task_holds_the_one_that_is_gone_into_again(env, spool):
    holder = await Holder(env, spool, RULES, userdata=dict).begin(Holding())
    await holder.hear("sign me up")
    after = await holder.next(Holding())
    assert after.current == "Held"
    assert after.session.userdata["asking"] == [after.session.current_agent]
    assert after.report["userdata"] == "exact"
