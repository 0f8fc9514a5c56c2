"""Killed behind each entry of its log, a call with tasks comes to the same end: the same words, in
the same order, each said once."""

import asyncio
import contextlib

import pytest
from livekit.agents import Agent, AgentTask, RunContext, function_tool
from livekit.agents.beta.workflows import TaskGroup
from livekit.agents.llm import ToolError

from tests.livekit.awaiting import Holder, words
from tests.livekit.test_tasks import RULES, AskAddress, AskName, Desk, Name

AT_ONCE = 24


class Greeter(Agent):
    """Asks while it enters."""

    def __init__(self) -> None:
        super().__init__(instructions="Greet.")

    async def on_enter(self) -> None:
        self.session.say("Good morning.")
        name = await AskName()
        await self.session.say(f"Nice to meet you, {name.whole}.")
        address = await AskAddress()
        self.session.say(f"Done: {name.whole}, {address}")


class Sure(AgentTask[bool]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask whether they are sure.")

    async def on_enter(self) -> None:
        await self.session.say("Are you sure?")

    @function_tool
    async def confirm(self) -> None:
        """They are."""
        self.complete(True)


class Careful(AskName):
    """A task that awaits another one in its tool."""

    @function_tool
    async def give_name(self, name: str) -> None:
        """The name."""
        if await Sure():
            self.complete(Name(name))


class CarefulDesk(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        name = await Careful()
        return f"Done: {name.whole}"


class GroupDesk(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        group = TaskGroup(summarize_chat_ctx=False)
        group.add(AskName, id="name", description="their name")
        group.add(AskAddress, id="address", description="their address")
        found = (await group).task_results
        return f"Done: {found['name'].whole}, {found['address']}"


class Refused(ToolError):
    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


class Never(AskName):
    @function_tool
    async def give_name(self, name: str) -> None:
        """The name."""
        self.complete(Refused(7))


class PoliteDesk(Desk):
    """Goes on with another question where a task has failed."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        try:
            await Never()
        except Refused as refused:
            address = await AskAddress()
            return f"Done: {refused.code}, {address}"
        return "not reached"


RULES_HERE = [("yes", {"tool": "confirm", "arguments": {}}), *RULES]
NAME = ("What is your name?", "i am Ann")
DIALOGUE = {  # by the current agent: what it asks, and the answer
    "AskName": NAME,
    "Careful": NAME,
    "Never": NAME,
    "AskAddress": ("What is your address?", "ann at example"),
    "Sure": ("Are you sure?", "yes please"),
}
TO_DESK = ("Welcome.", "sign me up")


PASSING = ("give_name", "give_address", "confirm")


def lines(holder):
    """But for the call of the very tool that completed a task, which a kill may take along."""
    return [
        (who, said)
        for who, said in words(holder.session.history.items)
        if not {who, said} & {*PASSING}
    ]


def is_over(holder):
    return any("Done:" in said for who, said in lines(holder) if who == "assistant")


async def converse(holder):
    """A person who answers what is asked, once it has been asked."""
    async with asyncio.timeout(20):
        while not is_over(holder):
            asked, answer = DIALOGUE.get(holder.current, TO_DESK)
            if lines(holder) and lines(holder)[-1] == ("assistant", asked):
                with contextlib.suppress(RuntimeError):  # just between two agents: once more
                    holder.session.generate_reply(user_input=answer)
                    while lines(holder)[-1] == ("assistant", asked):
                        await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
    await holder.quiet()


async def after_a_kill(holder, desk, upto):
    following = await holder.next(desk(), upto=upto)
    try:
        await converse(following)
    except TimeoutError:
        return "stuck", following.current, lines(following)
    finally:
        await following.close()
    return following.current, lines(following), following.hooks.tasks.lost


def kill_points(holder):
    """Behind each look at the live objects, once somebody has said something."""
    kinds = [kind for kind, _ in holder.entries()] + ["the end"]
    for upto, follows in enumerate(kinds[1:], 1):
        if follows not in ("context", "digest") and holder.log(upto).message_count:
            yield upto


@pytest.mark.parametrize("desk", [Desk, Greeter, CarefulDesk, GroupDesk, PoliteDesk])
async def test_it_comes_to_the_same_end(env, spool, desk):
    holder = await Holder(env, spool, RULES_HERE).begin(desk())
    await converse(holder)
    expected = desk.__name__, lines(holder), {}
    points = list(kill_points(holder))
    for at in range(0, len(points), AT_ONCE):
        some = points[at : at + AT_ONCE]
        found = await asyncio.gather(*(after_a_kill(holder, desk, upto) for upto in some))
        for upto, end in zip(some, found, strict=True):
            assert end == expected, f"killed behind entry {upto}"
    await holder.close()


async def test_a_task_that_awaits_another_one_is_not_asked_again_behind_a_second_kill(env, spool):
    holder = await Holder(env, spool, RULES_HERE).begin(CarefulDesk())
    for heard in ("sign me up", "i am Ann"):
        await holder.hear(heard)
    after = await holder.next(CarefulDesk())
    assert (after.current, after.said) == ("Sure", [])
    gone_into = [*range(len(after.before) + 1, len(after.entries()) + 1)]
    await after.hear("yes please")
    said = {}
    for upto in (*gone_into, after.entry("task_ended", task="Sure")):
        again = await after.next(CarefulDesk(), upto=upto)
        said[upto] = again.said
        await again.close()
    await after.close()
    await holder.close()
    assert [upto for upto, words_said in said.items() if NAME[0] in words_said] == []
