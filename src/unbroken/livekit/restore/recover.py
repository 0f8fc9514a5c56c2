"""Carrying out a recovery plan in a session that has just started again.

Nothing here raises or keeps `start` waiting for ever: what fails is logged, said in the report, and
the next best is done.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self, TypeAlias, get_args

from livekit.agents import NOT_GIVEN, Agent, AgentSession
from livekit.agents.llm import (
    AgentConfigUpdate,
    AgentHandoff,
    ChatContext,
    ChatItem,
    RealtimeModel,
)
from livekit.agents.utils import is_given

from unbroken.archive.port import Taken
from unbroken.env import Env
from unbroken.live.live import Live
from unbroken.livekit import fragile, tasks
from unbroken.livekit.guard import raise_if_called_off, words_of
from unbroken.livekit.restore import called_again, restore
from unbroken.livekit.saying import by_voice_or_model
from unbroken.log.mark import Mark
from unbroken.recovery.plan import (
    Answer,
    AskAgain,
    Bridge,
    Custom,
    Facts,
    Plan,
    Repeat,
    Resume,
    Silent,
    default_plan,
    facts_of,
)

log = logging.getLogger(__name__)

Planner: TypeAlias = Callable[[Facts], Plan | Awaitable[Plan]]

PLAN_S = 5.0  # so long `start` waits for an application's plan to be made, and to be carried out
NOT_AS_PLANNED = "unbroken.not_as_planned"  # the note of what a custom plan came to
FAILURES = (Exception, asyncio.CancelledError)  # of what is awaited, unless we are called off
_running: set[asyncio.Future[Any]] = set()  # custom plans that take longer


Problems: TypeAlias = dict[str, str]  # by field of the restore report


class Gap(NamedTuple):
    """What lies between two holders of a session."""

    cause: str = "unknown"
    gap_s: float = 0.0
    crashes: int = 0

    @classmethod
    def of(cls, taken: Taken) -> Self:
        return cls(taken.cause or "unknown", taken.gap_us / 1e6, taken.crashes)


def in_flight(env: Env, live: Live, flying: Mark | None, gap: Gap, problems: Problems) -> Facts:
    """The facts, once what they tell of is in the history."""
    cause, gap_s, crashes = gap
    facts = Facts(cause=cause, gap_s=gap_s, crashes=crashes, agent=live.session.agent)
    try:
        facts = facts_of(live.session, flying, cause=cause, gap_s=gap_s, crashes=crashes)
        restore.repair(env, live, flying, facts)
    except Exception as error:
        log.exception("what was in flight is not restored")
        problems["in flight"] = f"degraded: {words_of(error)}"
    return facts


async def put_back(
    restored: restore.Restored, session: AgentSession[Any], first: Agent, problems: Problems
) -> Agent:
    """The agent to go on with. A fault of ours costs what was not put back yet."""
    try:
        return await restored.put_back(session)
    except FAILURES as error:
        raise_if_called_off(error)
        log.exception("not all was put back")
        problems["restore"] = f"degraded: it broke off: {words_of(error)}"
        return first


async def plan_for(facts: Facts, planner: Planner | None) -> Plan:
    """The application's plan; the default one if there is none, or if making it failed."""
    return (await planned(facts, planner))[0]


async def planned(facts: Facts, planner: Planner | None) -> tuple[Plan, str | None]:
    """The plan, and why it is not the application's."""
    if planner is None:
        return default_plan(facts), None
    try:
        plan = planner(facts)
        if inspect.isawaitable(plan):
            plan = await asyncio.wait_for(plan, PLAN_S)
        if isinstance(plan, get_args(Plan)):
            return plan, None
        why = f"it gave no plan, but {type(plan).__name__}"
    except FAILURES as error:
        raise_if_called_off(error)
        log.exception("on_recovery failed, the default plan is used")
        why = words_of(error)
    return default_plan(facts), f"degraded: on_recovery failed ({why}), the default plan was used"


async def perform(plan: Plan, session: AgentSession[Any], facts: Facts) -> str | None:
    """Begin what the plan says; returns before it has been spoken, with what was not possible."""
    match plan:
        case Silent():
            return None
        case Answer():
            return _answer(session, facts)
        case Resume(from_sentence=from_sentence):
            text = facts.unheard if from_sentence else facts.rest
            return _say(session, text, is_aside=facts.is_aside)
        case Repeat():
            text = f"{facts.heard} {facts.rest}".strip()
            return _say(session, text, is_aside=facts.is_aside)
        case Bridge(text=text) | AskAgain(text=text):
            return _say(session, text)
        case Custom(run=run):
            return await _run(run, session, facts)


def _answer(session: AgentSession[Any], facts: Facts) -> str | None:
    agent = session.current_agent
    try:
        if called_again.begin(session, facts):
            return None
        is_realtime = isinstance(agent.llm if is_given(agent.llm) else session.llm, RealtimeModel)
        asked = None if is_realtime else _as_asked(agent.chat_ctx.items)
        session.generate_reply(chat_ctx=ChatContext(asked) if asked else NOT_GIVEN)
    except Exception as error:
        log.exception("nobody answers")
        return f"degraded: nobody answers ({words_of(error)})"
    return None


def _as_asked(items: list[ChatItem]) -> list[ChatItem] | None:
    """With the person's last words, and what tools returned to them, behind what was said
    meanwhile: a model answers what comes last, and most do not answer themselves. None: it is so.
    """
    if not items or getattr(items[-1], "role", None) != "assistant":
        return None
    users = [at for at, item in enumerate(items) if getattr(item, "role", None) == "user"]
    if not users:
        return None
    before, behind = items[: users[-1]], items[users[-1] :]
    said = [item for item in behind if getattr(item, "role", None) == "assistant"]
    return [*before, *said, *(item for item in behind if item not in said)]


def _say(session: AgentSession[Any], text: str, *, is_aside: bool = False) -> str | None:
    """By whatever the session can speak with: its voice, or a model that is told what to say."""
    if not text:
        return None
    of_say = {"add_to_chat_ctx": not is_aside}
    try:
        by_voice_or_model(session.say, session.generate_reply, text, of_say=of_say)
    except Exception as error:
        log.exception("nothing here can speak")
        return f"degraded: nothing was said ({words_of(error)})"
    return None


async def _run(
    run: Callable[[], Awaitable[None]], session: AgentSession[Any], facts: Facts
) -> str | None:
    work = asyncio.ensure_future(_awaited(run))
    _running.add(work)
    work.add_done_callback(_ran)
    try:
        await asyncio.wait({work}, timeout=PLAN_S)
    except asyncio.CancelledError:
        work.cancel()
        raise
    if not work.done():
        return f"degraded: the custom plan had not ended after {PLAN_S:g} s"
    error = asyncio.CancelledError() if work.cancelled() else work.exception()
    if error is None:
        return None
    await perform(default_plan(facts), session, facts)
    return f"degraded: the custom plan failed ({words_of(error)}), the default plan was used"


async def _awaited(run: Callable[[], Awaitable[None]]) -> None:
    done = run()
    if inspect.isawaitable(done):
        await done


def _ran(work: asyncio.Future[Any]) -> None:
    _running.discard(work)
    if not work.cancelled() and (error := work.exception()):
        log.error("the custom plan failed", exc_info=error)


async def forget_the_start(session: AgentSession[Any], known: set[str]) -> None:
    """Take out what LiveKit added because it believes that the session is new, once all agents
    are there that were. Where that fails some of it stays."""
    try:
        await _forget_the_start(session, known)
    except FAILURES as error:
        raise_if_called_off(error)
        log.exception("what LiveKit adds at a start stays in the history")


async def _forget_the_start(session: AgentSession[Any], known: set[str]) -> None:
    if watched := tasks.of(session):
        await watched.settled()
    session.history.items[:] = [i for i in session.history.items if _stays(i, known)]
    for agent in fragile.started_agents(session):
        stays = [item for item in agent.chat_ctx.items if _stays(item, known)]
        if len(stays) < len(agent.chat_ctx.items):
            await agent.update_chat_ctx(ChatContext(stays), exclude_invalid_function_calls=False)


def _stays(item: ChatItem, known: set[str]) -> bool:
    is_of_a_start = isinstance(item, AgentHandoff | AgentConfigUpdate)
    return item.id in known or not is_of_a_start
