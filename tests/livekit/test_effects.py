"""An effect's intent is in the log, as safe as asked, before the tool runs."""

import asyncio

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm.utils import build_legacy_openai_schema

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header, store
from unbroken import current_effect, effect
from unbroken.keeper import Keeper
from unbroken.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks

__all__ = ["store"]

RULES = [
    ("table", {"tool": "book", "arguments": {"day": "friday"}}),
    ("taxi", {"tool": "ride", "arguments": {"day": "friday"}}),
    ("", "Yes."),
]


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


def test_the_schema_is_the_tools_own():
    (book,) = [tool for tool in Desk().tools if tool.id == "book"]
    schema = build_legacy_openai_schema(book)["function"]
    assert schema["description"].strip() == "Book a table."
    assert list(schema["parameters"]["properties"]) == ["day"]


def test_outside_of_an_effect_there_is_none():
    with pytest.raises(LookupError):
        current_effect()
