"""Tasks that are left in other ways than by a kill: an orderly leaving, a tool that may have done
something, two tools at a time, and results that nothing can keep."""

import asyncio

from livekit.agents import AgentTask, RunContext, function_tool

from tests.livekit.awaiting import Holder, words
from tests.livekit.test_tasks import RULES, AskAddress, AskName, Desk, desk
from unbroken.live.effect import current_effect, effect
from unbroken.livekit.tasks import LOST
from unbroken.recovery.plan import NOT_KNOWN, Bridge

__all__ = ["desk"]


async def test_a_holder_that_leaves_in_order_leaves_its_task_to_the_next(desk):
    await desk.hear("sign me up")
    await desk.hear("i am Ann")
    await desk.session.aclose()
    after = await desk.next(Desk())
    assert (after.current, after.said) == ("AskAddress", [])
    await after.hear("ann at example")
    assert after.said == ["Done: gold, i am Ann, ann at example"]
    assert [said for who, said in words(after.session.history.items) if who == "sign_up"] == [
        "Done: gold, i am Ann, ann at example"
    ]


class Insisting(Desk):
    """Asks for something else where it gets no name."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        try:
            return f"Done: {(await AskName()).whole}"
        except Exception:  # noqa: BLE001 - whatever LiveKit ends it with
            return f"Done: {await AskAddress()}"


async def test_a_task_that_is_begun_because_a_holder_leaves_is_nothing_to_the_next(env, spool):
    holder = await Holder(env, spool, RULES).begin(Insisting())
    await holder.hear("sign me up")
    await holder.session.aclose()
    (place,) = holder.log().awaiting.places.values()
    assert [task.kind for task in place.tasks] == ["AskName"]
    after = await holder.next(Insisting())
    await after.hear("i am Ann")
    assert after.said == ["Done: i am Ann"]


class Cashier(Desk):
    @function_tool
    @effect(retry="ask", level="process")
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        await AskName()
        return "Done"


async def test_a_tool_that_may_have_done_something_is_not_run_again(env, spool):
    holder = await Holder(env, spool, RULES).begin(Cashier())
    await holder.hear("sign me up")
    assert holder.current == "AskName"
    after = await holder.next(Cashier())
    assert after.current == "Cashier"
    assert isinstance(after.plan, Bridge)
    assert after.said == [after.plan.text]
    assert "sign up" in after.plan.text
    assert "sign_up may have done something already" in after.report["tasks"]


class Clerk(Desk):
    """Has an effect that is harmless to repeat."""

    @function_tool
    @effect(retry="safe", level="process")
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        self.done.append(current_effect().key)
        await AskName()
        return f"Done with {current_effect().key}"


async def test_an_effect_that_is_run_again_has_its_key(env, spool):
    agent = Clerk()
    holder = await Holder(env, spool, RULES).begin(agent)
    await holder.hear("sign me up")
    after = await holder.next(Clerk())
    await after.hear("i am Ann")
    assert after.said == [f"Done with {agent.done[0]}"]


class Twofold(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        return f"Done: {plan} {(await AskName()).whole}"

    @function_tool
    async def send(self, context: RunContext) -> str:
        """Send something."""
        return f"Sent to {await AskAddress()}"


async def test_two_tools_of_one_turn_come_to_their_ends(env, spool):
    both = [{"tool": "sign_up", "arguments": {"plan": "gold"}}, {"tool": "send", "arguments": {}}]
    holder = await Holder(env, spool, [("both", both), *RULES]).begin(Twofold())
    await holder.hear("both please")
    first = holder.current
    after = await holder.next(Twofold())
    assert (after.current, after.said) == (first, [])
    answers = {"AskName": "i am Ann", "AskAddress": "ann at example"}
    await after.hear(answers[after.current])
    again = await after.next(Twofold())
    assert again.said == []
    await again.hear(answers[again.current])
    assert again.current == "Twofold"
    assert "Sent to ann at example" in again.said[-1]
    for known in (again.session.history, again.session.current_agent.chat_ctx):
        assert {"Done: gold i am Ann", "Sent to ann at example"} <= {
            t for _, t in words(known.items)
        }


class Lock(AgentTask[object]):
    def __init__(self) -> None:
        super().__init__(instructions="Take a lock.")

    @function_tool
    async def give_name(self, name: str) -> None:
        """The name."""
        self.complete({"lock": asyncio.Lock()})


class Keeper(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        await Lock()
        return f"Done: {await AskAddress()}"


async def test_a_result_of_that_process_alone_is_named(env, spool):
    holder = await Holder(env, spool, RULES).begin(Keeper())
    await holder.hear("sign me up")
    await holder.hear("i am Ann")
    assert holder.current == "AskAddress"
    after = await holder.next(Keeper())
    assert (after.current, after.said) == ("Keeper", [LOST])
    assert "its result cannot be made again: lock: live object (Lock)" in after.report["tasks"]


async def test_a_call_that_was_cut_off_and_made_again_is_not_told_of_later(desk):
    await desk.hear("sign me up")
    holder = await desk.next(Desk(), upto=desk.entry("tool_started"))
    assert holder.current == "AskName"  # the model has called it again
    holder = await holder.next(Desk())
    await holder.hear("i am Ann")
    last = await holder.next(Desk(), upto=holder.entry("task_ended"))
    assert (last.current, last.said) == ("AskAddress", ["What is your address?"])
    await last.hear("ann at example")
    assert last.said[-1] == "Done: gold, i am Ann, ann at example"
    assert NOT_KNOWN not in [said for _, said in words(last.session.history.items)]
