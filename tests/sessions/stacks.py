"""Agents that await tasks while they enter, and tasks that await others, without a model.

A step answers a task. That they are awaited is recorded, and gone into again, by the real code;
what stands in for LiveKit is `Stack.enter`.
"""

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from livekit.agents import Agent
from livekit.agents.llm import AgentHandoff

from unbroken.livekit.fragile import Await
from unbroken.log.awaiting import ON_ENTER

TURNS = 30  # of the loop: nothing takes more


class Stack:
    """The tasks of one process's part of a session."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._running: set[asyncio.Task[None]] = set()

    async def begin(self, agent: Agent) -> None:
        """The agent enters; what it awaits there goes on."""
        token = ASKING.set(self)
        self._run(agent)
        ASKING.reset(token)
        await calm()

    def _run(self, agent: Agent) -> None:
        entering = asyncio.create_task(agent.on_enter())
        self._running.add(entering)
        entering.add_done_callback(self._running.discard)

    async def ask(self, by: Agent, task: Any) -> str:
        """In place of `await task`."""
        tasks = self._world.hooks.tasks
        answer = await tasks.awaited(task, Await(by, ON_ENTER, None), lambda: self.enter(by, task))
        return str(answer)

    async def enter(self, by: Agent, task: Any) -> str:
        task._old_agent = by
        self._switch(by, task)
        self._run(task)
        future = task._AgentTask__fut  # type: ignore[attr-defined]
        try:
            return str(await asyncio.shield(future))
        finally:
            if not self._world.is_over:
                self._switch(task, by)

    def _switch(self, before: Agent, agent: Agent) -> None:
        session = self._world.session
        session.update_agent(agent)
        session.history.insert(AgentHandoff(old_agent_id=before.id, new_agent_id=agent.id))
        self._world.meet(agent)

    async def end(self) -> None:
        for entering in tuple(self._running):
            entering.cancel()
            with suppress(BaseException):
                await entering


ASKING: ContextVar[Stack] = ContextVar("asking")


async def calm() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
