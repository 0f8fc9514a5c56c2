"""The agent that was current is current again: each instance by a key of its own."""

import dataclasses
import enum
import gc
import logging
from datetime import UTC, datetime

import pytest
from livekit.agents import Agent, function_tool
from livekit.agents.llm import ChatContext

from tests.livekit.holders import Holder
from tests.livekit.job import Job, Roomless, call_in
from unbroken.errors import InvalidInput
from unbroken.livekit.state.factories import Maker, factories_of
from unbroken.livekit.state.keys import Keys

RULES = [
    ("help", {"tool": "to_help", "arguments": {}}),
    ("desk", {"tool": "to_desk", "arguments": {}}),
    ("", "You said {heard}."),
]
entered: list[str] = []


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Desk.")

    async def on_enter(self) -> None:
        entered.append("Desk")

    @function_tool
    async def to_help(self) -> Agent:
        """Help."""
        return Help("en", floor=2, before=self, chat_ctx=self.chat_ctx)


class Help(Agent):
    def __init__(
        self,
        language: str,
        /,
        *more: int,
        floor: int,
        before: Agent,
        chat_ctx: ChatContext,
        **options: bool,
    ) -> None:
        super().__init__(instructions=f"Help in {language}.", chat_ctx=chat_ctx)
        self.made_with = (language, more, floor, before, options)

    async def on_enter(self) -> None:
        entered.append("Help")

    @function_tool
    async def to_desk(self) -> Agent:
        """Desk."""
        return Desk()


class NeedsClient(Agent):
    """What it needs cannot be written down."""

    def __init__(self, client: logging.Logger, table: int) -> None:
        super().__init__(instructions=f"Table {table}.")
        self.client, self.table = client, table


class Size(enum.Enum):
    SMALL = 1


@dataclasses.dataclass
class Order:
    size: Size
    at: datetime
    lines: tuple[str, ...]
    toppings: set[str]


class NeedsOrder(Agent):
    def __init__(self, order: Order, limits: dict[int, str]) -> None:
        super().__init__(instructions="Take the order.")
        self.given = order, limits


class NeedsAnything(Agent):
    def __init__(self, name) -> None:
        super().__init__(instructions=str(name))
        self.called = name


async def nothing() -> None: ...


def context_of(holder):
    return [item.id for item in holder.agent.chat_ctx.items]


@pytest.fixture
async def start(env, spool):
    """Starts holders, and ends them all."""
    entered.clear()
    made = []

    async def first(agent, **given):
        made.append(await Holder.first(env, spool, agent, RULES, **given))
        return made[-1]

    async def after(dead, agent, **given):
        made.append(await dead.successor(agent, **given))
        return made[-1]

    first.after = after
    yield first
    for holder in made:
        await holder.close()


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (["help"], "Help"),
        (["help", "desk"], "Desk#2"),
        (["help", "desk", "help"], "Help#2"),
        (["help", "desk", "help", "desk", "help"], "Help#3"),
    ],
)
async def test_the_nth_instance_of_a_class_is_current_again(start, said, key):
    first = await start(Desk())
    for text in said:
        await first.say(text)
        gc.collect()  # an instance that is gone gives its key to no other one
    await first.say("and the price")
    assert first.key == key
    before = context_of(first)
    entered.clear()
    after = await start.after(first, Desk(), agents=[Desk, Help])
    assert (after.key, after.report["agent"]) == (key, "exact")
    assert context_of(after)[: len(before)] == before
    assert entered == []
    await after.say("desk" if key.startswith("Help") else "help")
    assert after.key not in first.logged().contexts  # a new instance of the new process


async def test_an_instance_that_is_entered_again_keeps_its_key_and_is_greeted_by_none_twice(start):
    desk = Desk()
    first = await start(desk)
    await first.say("hi", "help")
    first.session.update_agent(desk)
    await first.say("here again")
    assert (first.key, entered) == ("Desk", ["Desk", "Help", "Desk"])
    after = await start.after(first, Desk(), agents=[Help])
    assert (after.key, entered) == ("Desk", ["Desk", "Help", "Desk"])


async def test_on_enter_that_had_not_begun_the_second_time_runs_in_the_successor(start):
    desk = Desk()
    first = await start(desk)
    await first.say("hi", "help")
    desk.on_enter = nothing  # it dies before the one that says that it began
    first.session.update_agent(desk)
    await first.say("hi")
    entered.clear()
    after = await start.after(first, Desk(), agents=[Help])
    assert (after.key, entered) == ("Desk", ["Desk"])


async def test_an_instance_that_never_entered_takes_nothing_from_others(start):
    first = await start(Desk())
    never = Help("de", floor=1, before=first.agent, chat_ctx=ChatContext.empty())
    await first.say("help")
    assert first.key == "Help"
    assert first.hooks.key_of(never) == "Help#2"
    assert first.logged().made["Help#2"].arguments == {"language": "de", "floor": 1}


async def test_classes_of_one_name_are_told_apart(start):
    def named_desk(words):
        class Desk(Agent):
            def __init__(self) -> None:
                super().__init__(instructions=words)

        Desk.__qualname__ = Desk.__module__ = words
        return Desk

    other, third = named_desk("other"), named_desk("third")
    first = await start(Desk())
    first.session.update_agent(third())
    await first.say("hi")
    assert first.key == "Desk#2"
    after = await start.after(first, Desk(), agents=[other, third])
    assert type(after.agent) is third
    assert isinstance(factories_of([other, third])["Desk"], Maker)


async def test_an_agent_is_made_with_what_it_was_made_with(start):
    first = await start(Desk())
    await first.say("hi", "help")
    after = await start.after(first, desk := Desk(), agents=[Help])
    assert after.report["agent"] == "exact"
    assert after.agent.made_with == ("en", (), 2, desk, {})
    assert after.agent.instructions == "Help in en."


@pytest.mark.parametrize("is_class", [True, False])
async def test_typed_arguments_come_back_as_they_were_given(start, is_class):
    given = Order(Size.SMALL, datetime(2026, 1, 2, tzinfo=UTC), ("a", "b"), {"x"}), {1: "one"}
    first = await start(Desk())
    first.session.update_agent(NeedsOrder(*given))
    await first.say("hi")
    given[0].lines = ("changed later",)

    def make(restored):
        return NeedsOrder(**restored.arguments())

    agents = [NeedsOrder] if is_class else {"NeedsOrder": make}
    after = await start.after(first, Desk(), agents=agents)
    assert after.agent.given[1] == {1: "one"}
    order = after.restored.arguments("NeedsOrder")["order"]
    assert order == dataclasses.replace(given[0], lines=("a", "b"))


async def test_a_function_is_offered_what_was_recorded(start):
    first = await start(Desk())
    client = logging.getLogger("theirs")
    first.session.update_agent(NeedsClient(client, 4))
    await first.say("hi")
    made = first.logged().made["NeedsClient"]
    assert (made.arguments, made.lost) == ({"table": 4}, ("client",))

    def make(restored):
        return NeedsClient(client, **restored.arguments())

    after = await start.after(first, Desk(), agents={"NeedsClient": make})
    assert (after.agent.client, after.agent.table) == (client, 4)
    assert after.restored.arguments("NeedsClient") == {"table": 4}


async def test_what_a_new_version_does_not_take_any_more_is_left_out(start):
    first = await start(Desk())
    first.session.update_agent(NeedsAnything("Ann"))
    await first.say("hi")

    class Newer(Agent):
        def __init__(self) -> None:
            super().__init__(instructions="Newer.")

    Newer.__name__ = "NeedsAnything"
    after = await start.after(first, Desk(), agents=[Newer])
    assert type(after.agent) is Newer


async def awaited(_restored):
    return Desk()


def cyclic(restored):
    return restored.agent("Help")


def raises(_restored):
    raise ValueError("the application's own")


@pytest.mark.parametrize(
    ("agents", "report"),
    [
        ((), "degraded: durable(agents=…) has no Help"),
        ({"Help": raises}, "degraded: Help was not made: ValueError"),
        ({"Help": awaited}, "degraded: Help was not made: its factory gave coroutine"),
        ({"Help": cyclic}, "degraded: Help was not made: its factory asks for Help"),
        (
            {"Help": lambda restored: restored.agent("Desk")},
            "degraded: Help was not made: its factory gave Desk",
        ),
        (
            {"Help": lambda restored: restored.agent("Cook"), "Cook": raises},
            "degraded: Cook was not made: ValueError",
        ),
    ],
    ids=["none", "raises", "coroutine", "itself", "another", "inner"],
)
async def test_an_agent_that_is_not_made_is_named_and_costs_no_other(start, agents, report):
    first = await start(Desk())
    await first.say("hi", "help")
    after = await start.after(first, Desk(), agents=agents)
    assert after.report["agent"] == report
    assert type(after.agent) is Desk
    await after.say("still there")
    assert after.session.history.items[-1].text_content == "You said still there."


async def test_a_hand_over_to_what_nothing_can_make_is_warned_about_once(start, caplog):
    first = await start(Desk(), agents=[NeedsClient])
    for _ in range(2):
        await first.say("help")
        first.session.update_agent(NeedsClient(logging.getLogger("theirs"), 4))
        await first.say("hi")
        first.session.update_agent(Desk())
        await first.say("hi")
    warned = [
        r.getMessage() for r in caplog.records if r.name == "unbroken.livekit.state.factories"
    ]
    begin, end = "would not go on in a successor:", "**restored.arguments())})"
    help_, client = warned
    assert help_ == (
        f"Help {begin} durable(agents=…) has no Help. Write durable(ctx, agents="
        f'{{"Help": lambda restored: Help({end}'
    )
    assert client == (
        f"NeedsClient {begin} NeedsClient needs client, which was not recorded. Write "
        f'durable(ctx, agents={{"NeedsClient": lambda restored: NeedsClient(client=…, {end}'
    )


async def test_a_hand_over_to_what_can_be_made_warns_of_nothing(start, caplog):
    first = await start(Desk(), agents=[Help])
    await first.say("help", "desk", "help")
    assert [r for r in caplog.records if r.name == "unbroken.livekit.state.factories"] == []


@pytest.mark.parametrize("kind", [NeedsClient, NeedsAnything])
async def test_a_class_that_can_never_be_made_is_refused_at_the_start(spool, kind):
    call = call_in(Job(), spool, None, agents=[Desk, kind])
    with pytest.raises(InvalidInput, match=f"{kind.__name__} needs (client|name), .* Annotate"):
        await call.start(Roomless(), agent=Desk())
    assert not list(spool.holders())


async def test_a_call_that_goes_on_is_not_lost_for_such_a_class(spool, caplog):
    pointer = '{"unbroken": {"session_id": "0198c0de-0000-7000-8000-000000000002"}}'
    call = call_in(Job(metadata=pointer), spool, None, agents=[NeedsClient])
    with pytest.raises(AttributeError):  # there is no archive: it came as far as to ask it
        await call.start(Roomless(), agent=Desk())
    assert "NeedsClient needs client" in caplog.text


def test_keys_are_of_instances_whatever_their_equality_is():
    class Same(Desk):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    keys = Keys(["Same#4", "Other"])
    agents = [Same(), Same()]
    assert [keys.of(agent) for agent in agents] == ["Same#5", "Same#6"]
    assert [keys.of(agent) for agent in agents] == ["Same#5", "Same#6"]
    assert sorted(keys.values()) == ["Same#5", "Same#6"]
    del agents[0]
    gc.collect()
    assert keys.of(Same()) == "Same#7"
