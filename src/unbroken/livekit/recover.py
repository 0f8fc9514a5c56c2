"""Carrying out a recovery plan in a session that has just started again."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from livekit.agents import AgentSession
from livekit.agents.llm import AgentConfigUpdate, AgentHandoff, ChatContext, ChatItem

from unbroken.livekit import fragile
from unbroken.livekit.tasks import by_session
from unbroken.recovery import (
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
)

log = logging.getLogger(__name__)

Planner: TypeAlias = Callable[[Facts], Plan | Awaitable[Plan]]


async def plan_for(facts: Facts, planner: Planner | None) -> Plan:
    """The application's plan; the default one if there is none, or if making it failed."""
    if planner is None:
        return default_plan(facts)
    try:
        plan = planner(facts)
        return await plan if inspect.isawaitable(plan) else plan
    except Exception:
        log.exception("on_recovery failed, the default plan is used")
        return default_plan(facts)


async def perform(plan: Plan, session: AgentSession[Any], facts: Facts) -> None:
    """Begin what the plan says; returns before it has been spoken."""
    match plan:
        case Silent():
            pass
        case Answer():
            session.generate_reply()
        case Resume(from_sentence=from_sentence):
            session.say(facts.unheard if from_sentence else facts.rest)
        case Repeat():
            session.say(f"{facts.heard} {facts.rest}".strip())
        case Bridge(text=text) | AskAgain(text=text):
            session.say(text)
        case Custom(run=run):
            await run()


async def forget_the_start(session: AgentSession[Any], known: set[str]) -> None:
    """Take out what LiveKit added because it believes that the session is new, once all agents
    are there that were."""
    if tasks := by_session.get(session):
        await tasks.settled()
    session.history.items[:] = [i for i in session.history.items if _stays(i, known)]
    for agent in fragile.started_agents(session):
        stays = [item for item in agent.chat_ctx.items if _stays(item, known)]
        if len(stays) < len(agent.chat_ctx.items):
            await agent.update_chat_ctx(ChatContext(stays), exclude_invalid_function_calls=False)


def _stays(item: ChatItem, known: set[str]) -> bool:
    is_of_a_start = isinstance(item, AgentHandoff | AgentConfigUpdate)
    return item.id in known or not is_of_a_start
