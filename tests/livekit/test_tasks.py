"""A call goes on in the middle of an AgentTask: nobody is stuck, welcomed or asked twice."""

import dataclasses

import pytest
from livekit.agents import Agent, AgentTask, RunContext, function_tool

from tests.livekit.awaiting import Holder, words
from unbroken.livekit.tasks import LOST

RULES = [
    ("sign me up", {"tool": "sign_up", "arguments": {"plan": "gold"}}),
    ("at example", {"tool": "give_address", "arguments": {"address": "{heard}"}}),
    ("i am", {"tool": "give_name", "arguments": {"name": "{heard}"}}),
    ("", "You said {heard}."),
]


@dataclasses.dataclass
class Name:
    whole: str


class AskName(AgentTask[Name]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for the name.")

    async def on_enter(self) -> None:
        self.session.say("What is your name?")

    @function_tool
    async def give_name(self, name: str) -> None:
        """The name."""
        self.complete(Name(name))


class AskAddress(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for the address.")

    async def on_enter(self) -> None:
        self.session.say("What is your address?")

    @function_tool
    async def give_address(self, address: str) -> None:
        """The address."""
        self.complete(address)


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Sign people up.")
        self.done = []

    async def on_enter(self) -> None:
        self.session.say("Welcome.")

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        self.session.say("One moment.")
        name = await AskName()
        self.done.append(name)
        address = await AskAddress()
        return f"Done: {plan}, {name.whole}, {address}"


@pytest.fixture
async def desk(env, spool):
    return await Holder(env, spool, RULES).begin(Desk())


async def test_the_task_that_was_running_goes_on_and_its_tool_comes_to_its_end(desk):
    await desk.hear("sign me up")
    assert desk.current == "AskName"
    after = await desk.next(Desk())
    assert (after.current, after.said) == ("AskName", [])
    await after.hear("i am Ann")
    assert (after.current, after.said) == ("AskAddress", ["What is your address?"])
    await after.hear("ann at example")
    assert after.current == "Desk"
    assert after.said[-1] == "Done: gold, i am Ann, ann at example"
    assert words(after.session.history.items)[-2:] == [
        ("sign_up", "Done: gold, i am Ann, ann at example"),
        ("assistant", "Done: gold, i am Ann, ann at example"),
    ]


async def test_a_task_that_had_said_nothing_yet_says_its_first_words(desk):
    await desk.hear("sign me up")
    upto = desk.entry("agent_entered", agent="AskName", ran=True)
    after = await desk.next(Desk(), upto=upto)
    assert after.said == ["What is your name?"]


async def test_a_tool_whose_task_had_just_ended_goes_on(desk):
    await desk.hear("sign me up")
    await desk.hear("i am Ann")
    after = await desk.next(Desk(), upto=desk.entry("task_ended"))
    assert (after.current, after.said) == ("AskAddress", ["What is your address?"])


async def test_it_is_killed_again_and_again(desk):
    holder = desk
    await holder.hear("sign me up")
    for words_said in ("i am Ann", "ann at example"):
        for _ in range(3):
            holder = await holder.next(Desk())
            assert holder.said == []
        await holder.hear(words_said)
    assert holder.said[-1] == "Done: gold, i am Ann, ann at example"


async def test_what_code_had_changed_before_is_not_changed_again(desk):
    await desk.hear("sign me up")
    await desk.hear("i am Ann")
    agent = Desk()
    await desk.next(agent)
    assert agent.done == [Name("i am Ann")]


class Patient(AskName):
    """Counts how often it was told no."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    @function_tool
    async def refuse(self) -> str:
        """They will not say."""
        self.refusals += 1
        return f"refused {self.refusals}"


class PatientDesk(Desk):
    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        task = Patient()
        name = await task
        return f"Done: {name.whole}, refused {task.refusals}"


async def test_what_a_task_had_set_on_itself_comes_back(env, spool):
    rules = [("no", {"tool": "refuse", "arguments": {}}), *RULES]
    holder = await Holder(env, spool, rules).begin(PatientDesk())
    for words_said in ("sign me up", "no", "no way"):
        await holder.hear(words_said)
    after = await holder.next(PatientDesk())
    await after.hear("no")
    assert after.said == ["refused 3"]
    await after.hear("i am Ann")
    just_ended = after.entry("task_ended")
    assert after.said[-1] == "Done: i am Ann, refused 3"
    last = await after.next(PatientDesk(), upto=just_ended)
    assert last.said == ["Done: i am Ann, refused 3"]


class OtherDesk(Desk):
    """A new deploy: asks for something else first."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        await AskAddress()
        return "Done: other"


class ClosedDesk(Desk):
    """A new deploy without the tool."""

    def __init__(self) -> None:
        super().__init__()
        self._tools = []


class StrictDesk(Desk):
    """A new deploy whose tool wants more."""

    @function_tool
    async def sign_up(self, context: RunContext, plan: str, age: int) -> str:
        """Sign somebody up."""
        await AskName()
        return "Done: strict"


@pytest.mark.parametrize(
    ("desk_now", "why"),
    [
        (OtherDesk, "this version awaits AskAddress, not AskName"),
        (ClosedDesk, "this version has no tool sign_up"),
        (StrictDesk, "the arguments of sign_up no longer fit"),
    ],
)
async def test_where_the_code_differs_one_line_is_said_and_the_agent_goes_on(desk, desk_now, why):
    await desk.hear("sign me up")
    agent = desk_now()
    agent.__class__.__name__ = "Desk"
    after = await desk.next(agent)
    assert after.current == "Desk"
    assert after.said == [LOST]
    assert why in after.report["tasks"]
    await after.hear("are you there")
    assert after.said == [LOST, "You said are you there."]
    again = await after.next(Desk())
    assert (again.current, again.said) == ("Desk", [])
