"""What we count on of LiveKit's AgentTask beyond its documentation: a test for each function."""

import asyncio
import gc
import inspect
import weakref

import pytest
from livekit.agents import Agent, AgentSession, AgentTask, function_tool

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from unbroken.live.live import Live
from unbroken.livekit import fragile
from unbroken.livekit.hooks import Hooks


@pytest.fixture
async def session():
    session = AgentSession(llm=ScriptedLLM([]))
    yield session
    await session.aclose()


class Ask(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask.")


class Asking(Agent):
    """Awaits a task in its tool, and says what it came to."""

    def __init__(self, task: Ask) -> None:
        super().__init__(instructions="Be kind.")
        self.task = task

    @function_tool
    async def ask(self) -> str:
        """Ask."""
        return f"It was {await self.task}."


class Watching:
    def __init__(self) -> None:
        self.seen = []

    async def awaited(self, task, by, enter):
        self.seen.append((task, by.agent, by.place, by.call.name, by.call.created_at > 0))
        return await enter()


async def asking(session, task):
    """A session whose tool awaits `task` just now."""
    agent = Asking(task)
    session.llm.rules = [("ask", {"tool": "ask", "arguments": {}})]
    await session.start(agent)
    session.generate_reply(user_input="ask")
    async with asyncio.timeout(20):
        while session.current_agent is not task:
            await asyncio.sleep(0.01)
    return agent


async def test_watch_tasks(session):
    watching, task = Watching(), Ask()
    fragile.watch_tasks(session, watching)
    agent = await asking(session, task)
    ((its, by, _, name, has_time),) = watching.seen
    assert (its, by, name, has_time) == (task, agent, "ask", True)
    task.complete("tea")
    async with asyncio.timeout(20):
        while "It was tea." not in str(session.history.items):
            await asyncio.sleep(0.01)


async def test_when_task_is_done(session):
    told, task, failing = [], Ask(), Ask()
    fragile.when_task_is_done(task, told.append)
    fragile.when_task_is_done(failing, told.append)
    task.complete("tea")
    failing.complete(error := ValueError("no"))
    await asyncio.sleep(0)
    assert told == ["tea", error]


async def test_complete_task(session):
    task = Ask()
    fragile.complete_task(task, "tea")
    assert task.done()
    fragile.complete_task(failing := Ask(), ValueError("no"))
    assert failing.done()


async def test_keeps_calls(session):
    assert not fragile.keeps_calls(Ask())
    keeping = AgentTask(instructions="Ask.", preserve_function_call_history=True)
    assert fragile.keeps_calls(keeping)


async def test_started_agents(session):
    agent = await asking(session, task := Ask())
    assert list(fragile.started_agents(session)) == [task, agent]


async def test_said_already(session):
    async with asyncio.timeout(5):
        handle = await fragile.said_already()
    assert handle.done()
    assert not handle.interrupted


async def test_check_arguments():
    @function_tool
    async def count(to: int, by: int = 1) -> None:
        """Count."""

    fragile.check_arguments(count, '{"to": 3}')
    for unfit in ('{"by": 3}', '{"to": "many"}', "[]"):
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's, or json's
            fragile.check_arguments(count, unfit)


async def test_is_closing(session):
    seen = []
    await asking(session, task := Ask())
    fragile.when_task_is_done(task, lambda _: seen.append(fragile.is_closing(session)))
    assert not fragile.is_closing(session)
    await session.aclose()
    assert seen == [True]


async def test_made_in_new():
    own = vars(Agent)
    assert "__slots__" not in own
    assert "def __new__" not in inspect.getsource(Agent)
    assert vars(Agent(instructions="x")).keys() <= vars(Ask()).keys()


async def test_a_session_that_is_over_is_held_by_nothing(env, spool):
    live = Live.open(spool, new_header(env, spool))
    session = AgentSession()
    hooks = Hooks(env, live, session)
    hooks.attach(agent := Agent(instructions="a"))
    session.update_agent(agent)
    hooks.scan()
    await live.close("left")
    known = weakref.ref(session)
    del session, hooks, agent
    gc.collect()
    assert known() is None
