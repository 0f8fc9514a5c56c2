"""Instructions and tools: a new version's count unless the running call had changed them."""

import asyncio

import pytest
from livekit.agents import Agent, AgentSession, AgentTask, function_tool
from livekit.agents.beta import EndCallTool, Instructions
from livekit.agents.llm import ToolFlag, Toolset

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import SETTLE_S, Holder
from unbroken.livekit.state import instructions
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log.session import fold

RULES = [
    ("register", {"tool": "register", "arguments": {}}),
    ("i am", {"tool": "is_named", "arguments": {"name": "Ann"}}),
    ("", "You said {heard}."),
]


@function_tool
async def look() -> str:
    """Look."""
    return "Seen."


@function_tool
async def listen() -> str:
    """Listen."""
    return "Heard."


@function_tool(flags=ToolFlag.CANCELLABLE)
async def slow() -> str:
    """Slow."""
    return "At last."


class Senses(Toolset):
    def __init__(self) -> None:
        super().__init__(id="senses", tools=[look, listen])


class Name(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="You only ask for the name.")

    @function_tool
    async def is_named(self, name: str) -> None:
        """Name."""
        self.complete(name)


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the host.")

    @function_tool
    async def register(self) -> str:
        """Register."""
        return f"Registered {await Name()}."


HAS_DYNAMIC = "dynamic" in instructions.PARTS
needs_dynamic = pytest.mark.skipif(not HAS_DYNAMIC, reason="this LiveKit has no dynamic part")


def prompt(version, **parts):
    parts = {name: words for name, words in parts.items() if name in instructions.PARTS}
    return Instructions(
        f"Common {version}.", **{name: f"{name} {words}." for name, words in parts.items()}
    )


@pytest.fixture
async def killed(env, spool):
    """One holder that `said` something, and what its successor makes of it."""
    made = []

    async def run(agent, said, newer, *, changed=None, session=lambda: None):
        first = await Holder.first(env, spool, agent, RULES, session=session())
        made.append(first)
        if changed is not None:
            await first.agent.update_instructions(changed)
        for text in said:
            await first.say(text)
        made.append(await first.successor(newer, session=session()))
        return made[-1]

    yield run
    for holder in made:
        await holder.close()


@pytest.mark.parametrize(
    ("before", "now", "report"),
    [
        ("Old.", "Old.", "exact"),
        ("Old.", "New.", "degraded: those of this version"),
        ("Old.", Instructions("Old."), "exact"),
        (prompt(1, audio=1, text=1), prompt(1, audio=1, text=1), "exact"),
        (prompt(1, audio=1, text=1), prompt(1, audio=1, text=2), "degraded: those of this version"),
        (prompt(1, text=1), "Common 1.", "degraded: those of this version"),
        (Instructions("A.", audio=""), "A.", "exact"),
        (Instructions("A.", audio="B.", text="B."), "A.\n\nB.", "exact"),
        ("A.\n\nB.", Instructions("", audio="A.\n\nB.", text="A.\n\nB."), "exact"),
        (Instructions("A.", audio="B."), "A.\n\nB.", "degraded: those of this version"),
        pytest.param(
            *("Common 1.", prompt(1, dynamic=1)),
            "degraded: their dynamic part was made anew",
            marks=needs_dynamic,
        ),
        pytest.param(prompt(1, dynamic=1), prompt(1, dynamic=1), "exact", marks=needs_dynamic),
        pytest.param(
            *(prompt(1, dynamic=1), prompt(1, dynamic=2)),
            "degraded: their dynamic part was made anew",
            marks=needs_dynamic,
        ),
        pytest.param(
            *(prompt(1, dynamic=1), prompt(2, dynamic=2)),
            "degraded: those of this version",
            marks=needs_dynamic,
        ),
    ],
)
async def test_a_new_versions_prompt_counts_and_the_report_says_so(killed, before, now, report):
    after = await killed(Agent(instructions=before), ["hi"], Agent(instructions=now))
    assert after.agent.instructions == now
    assert after.report["instructions of Agent"] == report


@pytest.mark.parametrize(
    ("versions", "reports"),
    [
        (["Old.", "New.", "New."], ["degraded: those of this version", "exact"]),
        (["Old.", "New.", "Newer."], ["degraded: those of this version"] * 2),
        (["Old.", "New.", "Old.", "Old."], ["degraded: those of this version"] * 2 + ["exact"]),
        (["Old.", Instructions("Old."), "Old."], ["exact", "exact"]),
        ([Instructions("A.", audio="B.", text="B."), "A.\n\nB.", "A.\n\nB."], ["exact", "exact"]),
    ],
)
async def test_a_prompt_is_compared_with_the_last_holders(env, spool, versions, reports):
    holders = [await Holder.first(env, spool, Agent(instructions=versions[0]), RULES)]
    for version in versions[1:]:
        await holders[-1].say("hi")
        holders.append(await holders[-1].successor(Agent(instructions=version)))
        assert holders[-1].agent.instructions == version
    assert [one.report["instructions of Agent"] for one in holders[1:]] == reports
    for holder in holders:
        await holder.close()


async def test_a_prompt_that_the_running_call_took_away_stays_away(killed):
    after = await killed(Agent(instructions="Old."), [], Agent(instructions="New."), changed="")
    assert after.agent.instructions == ""
    assert after.report["instructions of Agent"] == "exact"


async def test_a_prompt_that_the_running_call_changed_counts_in_every_version(killed):
    changed = "Old. It is Ann."
    after = await killed(
        Agent(instructions="Old."), ["hi"], Agent(instructions="New."), changed=changed
    )
    assert after.agent.instructions == changed
    assert after.report["instructions of Agent"] == "exact"
    third = await after.successor(Agent(instructions="Newer."))
    assert third.agent.instructions == changed
    await third.close()


async def test_variants_that_the_running_call_changed_are_variants_again():
    agent = Agent(instructions="New.")
    given = Agent(instructions=prompt(1, audio=1, text=1, dynamic=1))
    await instructions.put_back(agent, instructions.read(given))
    assert agent.instructions == given.instructions


async def test_variants_are_still_there_for_a_typed_turn(killed):
    made = prompt(1, audio=1, text=2)
    after = await killed(Agent(instructions=made), ["hi"], Agent(instructions=made))
    assert after.agent.instructions == made


async def test_an_agent_keeps_its_prompt_and_tools_when_a_task_has_returned(env, spool):
    first = await Holder.first(env, spool, Host(), RULES)
    asked = first.session.generate_reply(user_input="register me")
    while first.key != "Name":
        await asyncio.sleep(0.01)
    await asyncio.sleep(SETTLE_S)
    first.session.generate_reply(user_input="i am ann")
    await asked
    await first.say("thanks")
    after = await first.successor(Host())
    assert after.agent.instructions == "You are the host."
    assert after.report["instructions of Host"] == after.report["tools of Host"] == "exact"
    await first.close()
    await after.close()


@pytest.mark.parametrize(
    ("tools", "of_session"),
    [
        ([Senses], []),
        ([Senses], [slow]),
        ([EndCallTool], []),
        ([lambda: slow], []),
        ([], [look]),
    ],
    ids=["a set", "both", "one of LiveKit's", "cancellable", "the session's"],
)
async def test_tools_that_are_there_are_not_named_missing(killed, tools, of_session):
    def agent():
        return Agent(instructions="x", tools=[make() for make in tools])

    after = await killed(
        agent(),
        ["hi", "and more"],
        agent(),
        session=lambda: AgentSession(llm=ScriptedLLM(RULES), tools=of_session),
    )
    assert after.report["tools of Agent"] == after.report["context of Agent"] == "exact"


async def test_tools_that_were_taken_away_stay_away_and_added_ones_are_named(env, spool):
    def agent(*more):
        return Agent(instructions="x", tools=[Senses(), slow, *more])

    first = await Holder.first(env, spool, agent(), RULES)
    await first.say("hi")
    await first.agent.update_tools([slow, listen])
    await first.say("more")
    after = await first.successor(agent())
    assert [tool.id for tool in after.agent.tools] == ["slow"]
    assert after.report["tools of Agent"] == "degraded: this version has no tool listen"
    third = await after.successor(agent(look))
    assert [tool.id for tool in third.agent.tools] == ["slow", "look"]
    assert third.report["tools of Agent"] == "degraded: new in this version: look"
    fourth = await third.successor(agent(look))
    assert [tool.id for tool in fourth.agent.tools] == ["slow", "look"]
    assert fourth.report["tools of Agent"] == "exact"
    for holder in (first, after, third, fourth):
        await holder.close()


async def test_tools_are_compared_with_those_of_the_last_holder(env, spool):
    def agent(*tools):
        return Agent(instructions="x", tools=[*tools])

    new = "degraded: new in this version: look"
    holder = await Holder.first(env, spool, agent(slow), RULES)
    for tools, report in [
        ([slow, look], new),
        ([slow, look], "exact"),
        ([slow], "degraded: this version has no tool look"),
        ([slow], "exact"),
        ([slow, look], new),
    ]:
        await holder.say("hi")
        before, holder = holder, await holder.successor(agent(*tools))
        assert holder.report["tools of Agent"] == report
        await before.close()
    await holder.agent.update_tools([slow])
    await holder.say("hi")
    after = await holder.successor(agent(slow, look))
    assert [tool.id for tool in after.agent.tools] == ["slow"]
    assert after.report["tools of Agent"] == "exact"
    for one in (holder, after):
        await one.close()


async def test_what_a_newer_version_has_and_a_full_disk_lost_is_written_again(env, spool):
    first = await Holder.first(env, spool, Agent(instructions="Old."), RULES)
    await first.say("hi")
    after = await first.successor(Agent(instructions="New.", tools=[slow]))
    kinds = [kind for kind, _ in after.entries()[len(after.before) :]]
    lost = kinds.index("options_changed")
    after.live.ack.lose(lost + 1)
    after.hooks.scan()
    del (entries := after.entries())[len(after.before) + lost]
    entered = fold(entries).entered["Agent"]
    assert (entered.instructions, entered.tools) == ("New.", ("slow",))
    assert fold(entries).notes[WRITTEN_WHOLE] == {"count": 1, "field": "instructions of Agent"}
    for holder in (first, after):
        await holder.close()
