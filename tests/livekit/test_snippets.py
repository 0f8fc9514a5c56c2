"""What the pages tell newcomers to write works as it stands there."""

import asyncio
import inspect
import textwrap
from types import SimpleNamespace

import livekit.agents
import pytest
from livekit.agents import Agent, AgentServer, AgentSession, JobContext

import unbroken.livekit
from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.house.test_readme import PAGES, blocks
from tests.livekit.job import Job, QuietHost, Roomless, call_in
from tests.livekit.speaking import said, until
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState

__all__ = ["store"]

STUBS = ": ..."  # of a page that only shows what there is
LATER = "design/"  # pages of signatures, which the test of the API page compares


@pytest.fixture
def env():
    return QuietHost()


class Concierge(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You book tables.")


class Bookings(Agent):
    def __init__(self, concierge: Agent) -> None:
        super().__init__(instructions="You confirm them.")
        self.concierge = concierge


@pytest.fixture
def newcomer(monkeypatch, spool, store):
    """What a newcomer has before they read; `newcomer.calls` are those that begin."""
    calls, sessions = [], []

    leases = MemoryLeases()
    given_to_all = {
        "shared": WatchedState(MemoryShared(leases=leases)),
        "leases": WaitedLeases(leases),
    }

    def durable(ctx, **given):
        calls.append(call_in(ctx, spool, store.archive, **given_to_all, **given))
        return calls[-1]

    class Session:
        """In the place of LiveKit's, whatever models it is given."""

        def __new__(cls, **_models):
            sessions.append(Roomless(llm=ScriptedLLM([("", "You said {heard}.")])))
            return sessions[-1]

        def __class_getitem__(cls, _userdata):
            return cls

    def rtc_session(**named):
        """As LiveKit's decorator, which is asked whether it takes these."""
        inspect.signature(AgentServer.rtc_session).bind(None, **named)
        return lambda function: function

    monkeypatch.setattr(unbroken.livekit, "durable", durable)
    monkeypatch.setattr(livekit.agents, "AgentSession", Session)
    names = {"Concierge": Concierge, "Bookings": Bookings, "JobContext": JobContext, "Order": dict}
    names |= {"AgentSession": Session, "server": SimpleNamespace(rtc_session=rtc_session)}
    return SimpleNamespace(calls=calls, sessions=sessions, names=names)


def applied(diff: str) -> str:
    kept = (line[1:] for line in diff.splitlines() if not line.startswith("-"))
    return "\n".join(kept)


def agents_of(page: str) -> list[str]:
    found = [applied(body) for body in blocks(page, {"diff"})] + blocks(page, {"python"})
    return [body for body in found if "async def entrypoint" in body and STUBS not in body]


AGENTS = [(page, n) for page in PAGES for n in range(len(agents_of(page)))]


async def talked(newcomer, call, session) -> None:
    """One turn in text, which is in the call's memory, and kept."""
    await session.run(user_input="Hello?")
    assert ("assistant", "You said Hello?.") in said(session)
    assert call.conversation_history[-1].content == "You said Hello?."
    assert await call.durable("process")


@pytest.mark.parametrize(("page", "number"), AGENTS)
async def test_an_agent_as_a_page_writes_it_talks(newcomer, page, number):
    body = agents_of(page)[number]
    exec(compile(body, page, "exec"), newcomer.names)  # noqa: S102 - our own pages
    job = Job()
    await newcomer.names["entrypoint"](job)
    (call,), (session,) = newcomer.calls, newcomer.sessions
    await talked(newcomer, call, session)
    await session.aclose()
    await job.end()


async def test_an_agent_that_hands_over_as_the_readme_writes_it_talks(newcomer):
    body = next(body for body in blocks("README.md", {"python"}) if "on_recovery" in body)
    imports, _, rest = body.partition("\n\n")
    function = "async def entrypoint(ctx, session):\n" + textwrap.indent(rest, "    ")
    exec(compile(f"{imports}\n\n{function}", "README.md", "exec"), newcomer.names)  # noqa: S102
    job, session = Job(), newcomer.names["AgentSession"]()
    await newcomer.names["entrypoint"](job, session)
    (call,) = newcomer.calls
    await talked(newcomer, call, session)
    await session.aclose()
    await job.end()


def test_a_tool_as_the_readme_writes_it_is_one_for_models(newcomer):
    body = next(body for body in blocks("README.md", {"python"}) if "@effect" in body)
    exec(compile(body, "README.md", "exec"), newcomer.names)  # noqa: S102
    (tool,) = Agent(instructions="x", tools=[newcomer.names["book_table"]]).tools
    assert tool.info.name == "book_table"
    assert tool.info.description == "Book a table."


async def test_two_agents_as_the_readme_writes_them_speak_one_behind_the_other(newcomer):
    body = next(body for body in blocks("README.md", {"python"}) if "pass_to" in body)
    exec(compile(body, "README.md", "exec"), newcomer.names)  # noqa: S102
    jobs, sessions = (Job(), Job()), [newcomer.names["AgentSession"]() for _ in range(2)]
    agents = [Agent(instructions=role) for role in ("assistant", "supervisor")]
    supervising = newcomer.names["supervise"](jobs[1], sessions[1], agents[1])
    supervising = asyncio.create_task(supervising)
    await newcomer.names["assist"](jobs[0], sessions[0], agents[0])
    await until(lambda: said(sessions[1]), "the supervisor has spoken")
    assert said(sessions[0]) == [("assistant", "I am sorry. I shall ask my supervisor.")]
    assert said(sessions[1]) == [("assistant", "I hear that it was late.")]
    supervising.cancel()
    for job in jobs:
        await job.end()


@pytest.mark.parametrize(
    ("page", "body"),
    [(p, b) for p in PAGES if LATER not in p for b in blocks(p, {"python"}) if STUBS not in b],
)
def test_what_a_page_imports_is_there(page, body):
    lines = [line for line in body.splitlines() if line.startswith(("import ", "from "))]
    assert lines, f"{page} has Python without its imports"
    exec("\n".join(lines), {})  # noqa: S102


def test_both_ways_to_begin_are_tried():
    assert {page for page, _ in AGENTS} >= {"README.md", "docs/REFACTORING_NATIVE_STATE.md"}
    assert issubclass(Roomless, AgentSession)
