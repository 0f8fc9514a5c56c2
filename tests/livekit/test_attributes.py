"""What an agent's class sets on its agents comes back, before the agents that depend on it."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentTask, function_tool

from tests.core.shapes import Line, Mood
from tests.livekit.holders import Holder
from unbroken.livekit.state import attributes

RULES = [
    ("light", {"tool": "switch", "arguments": {}}),
    ("other", {"tool": "hand_over", "arguments": {}}),
    ("", "Yes."),
]


class Client:
    """A live object."""


class Home(Agent):
    def __init__(self, room: str = "hall") -> None:
        super().__init__(instructions="x")
        self.room = room
        self.light_on = False
        self._slots: dict[str, Any] = {}
        self.client = Client()

    @function_tool
    async def switch(self) -> str:
        """Switch the light."""
        self.light_on = not self.light_on
        self._slots[self.room] = Line("lamp", Mood.BAD)
        self.switched_late = True  # in no constructor
        return "Done."

    @function_tool
    async def hand_over(self) -> Agent:
        """Hand over."""
        return Other(self)


class Other(Home):
    not_durable = ("pin", "room")

    def __init__(self, before: Agent | None = None) -> None:
        super().__init__("other")
        self.before = before
        self.pin = "of its process"


class Silent(Home):
    not_durable = True


@pytest.fixture
async def hold(env, spool):
    held: list[Holder] = []

    async def first(agent: Agent, **given: Any) -> Holder:
        held.append(await Holder.first(env, spool, agent, RULES, **given))
        return held[-1]

    async def then(dead: Holder, agent: Agent, **given: Any) -> Holder:
        held.append(await dead.successor(agent, **given))
        return held[-1]

    first.then = then  # type: ignore[attr-defined]
    yield first
    for one in held:
        await one.close()


async def test_what_a_tool_changed_of_its_agent_comes_back(hold):
    one = await hold(Home())
    await one.say("light")
    one.agent.room = "kitchen"
    again = Home()
    client = again.client
    other = await hold.then(one, again)
    assert (again.light_on, again.switched_late, again.room) == (True, True, "kitchen")
    assert again._slots == {"hall": Line("lamp", Mood.BAD)}
    assert again.client is client
    assert other.report["attributes of Home"] == "degraded: of this process: client"
    await other.say("light")
    assert again.light_on is False


async def test_nothing_of_livekits_own_is_kept(hold):
    class Plain(Agent):
        pass

    one = await hold(Plain(instructions="x"))
    await one.say("hi")
    assert attributes.read(one.agent, lambda _: None).value == {}
    other = await hold.then(one, Plain(instructions="x"))
    assert not [field for field in other.report if field.startswith("attributes")]
    assert not [kind for kind, _ in other.entries() if kind == "attributes_changed"]


async def test_a_tasks_own_attributes_are_kept_and_livekits_are_not():
    class Ask(AgentTask[str]):
        def __init__(self) -> None:
            super().__init__(instructions="ask")
            self.asked = 2

    assert attributes.read(Ask(), lambda _: None).value == {"asked": 2}


async def test_a_class_says_what_is_not_to_be_kept(hold):
    one = await hold(Silent())
    one.agent.light_on = True
    again = Silent()
    await hold.then(one, again)
    assert again.light_on is False
    assert "Silent" not in one.logged().attributes

    two = await hold(Other())
    two.agent.pin, two.agent.light_on = "secret", True
    again = Other()
    await hold.then(two, again)
    assert (again.pin, again.light_on) == ("of its process", True)
    assert "pin" not in two.logged().attributes["Other"].value
    assert "secret" not in str(two.entries())


async def test_an_agent_among_the_attributes_is_that_of_this_session(hold):
    one = await hold(Home())
    await one.say("light", "other")
    assert type(one.agent) is Other
    again = Home()
    other = await hold.then(one, again, agents={"Other": lambda _: Other()})
    assert type(other.agent) is Other
    assert other.agent.before is again
    assert again.light_on is True


async def test_who_is_not_current_any_more_is_looked_at_too(hold):
    one = await hold(Home())
    first = one.agent
    await one.say("other")
    first.room = "garden"
    await one.say("hi")
    again = Home()
    await hold.then(one, again, agents=[Other])
    assert again.room == "garden"


async def test_the_attributes_of_an_agent_are_there_before_the_factory_of_another(hold):
    one = await hold(Home())
    await one.say("light", "other")
    seen = []

    def make(restored: Any) -> Agent:
        seen.append(restored.agent("Home").light_on)
        return Other()

    await hold.then(one, Home(), agents={"Other": make})
    assert seen == [True]


async def test_an_attribute_that_was_removed_is_removed_again(hold):
    one = await hold(Home())
    one.hooks.scan()
    del one.agent.room
    again = Home()
    await hold.then(one, again)
    assert "room" not in vars(again)


async def test_an_attribute_that_this_version_wants_otherwise_costs_itself(hold):
    class Counting(Agent):
        count: str
        name: str

    class Later(Agent):
        count: int
        name: str

    Later.__name__ = Later.__qualname__ = "Counting"
    Counting.__qualname__ = "Counting"
    first = Counting(instructions="x")
    first.count, first.name = "two", "Ann"
    one = await hold(first)
    again = Later(instructions="x")
    again.count = 0
    other = await hold.then(one, again)
    assert (again.count, again.name) == (0, "Ann")
    words = other.report["attributes of Counting"]
    assert words == "degraded: count: this version wants another type than str"
    assert other.logged().attributes["Counting"].value["count"] == "two"


async def test_a_property_of_an_agent_that_fails_stops_nothing(hold):
    class Strict(Agent):
        is_over = False

        @property
        def total(self) -> int:
            if "is_over" in vars(self):  # LiveKit reads it while the agent is made
                raise RuntimeError("no")
            return 0

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "is_over" and not value:
                raise RuntimeError("no")
            super().__setattr__(name, value)

    first = Strict(instructions="x")
    first.is_over, first.name = True, "Ann"
    one = await hold(first)
    again = Strict(instructions="x")
    await hold.then(one, again)
    assert (again.is_over, again.name) == (True, "Ann")


async def test_nothing_is_written_while_nothing_changes(hold):

    one = await hold(Home())
    await one.say("light")
    count = len(one.entries())
    for _ in range(5):
        one.hooks.scan()
    await asyncio.sleep(0)
    assert len(one.entries()) == count
