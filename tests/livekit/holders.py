"""A holder of a session without a room and without a service, its death, and its successor."""

import asyncio
from typing import Any

from livekit.agents import Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.live.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore.recover import Gap
from unbroken.livekit.restore.start import Start
from unbroken.livekit.state import factories
from unbroken.log.session import Session, fold
from unbroken.recovery.plan import Silent

GAP = Gap("crashed", 1.0, 1)
SETTLE_S = 0.1  # a hand-over has to be through before one speaks again


class Holder:
    """One process's part of a session; all sessions of one think by the same rules."""

    report: dict[str, str]

    def __init__(
        self, env, spool, rules, *, before=(), saved=None, first=None, agents=(), session=None
    ):
        self.env, self.spool, self.rules, self.before = env, spool, rules, before
        self.live = Live.open(spool, new_header(env, spool), saved)
        self.session: AgentSession[Any] = session or AgentSession(llm=ScriptedLLM(rules))
        by_agent_session[self.session] = self.live
        known = factories.factories_of(agents)
        with_first = factories.with_class_of(first, known) if first else known
        self.hooks = Hooks(env, self.live, self.session, with_first)

    @classmethod
    async def first(cls, env, spool, agent: Agent, rules=(), **given: Any) -> "Holder":
        self = cls(env, spool, rules, first=agent, **given)
        self.hooks.attach(agent)
        await self.session.start(agent)
        self.hooks.scan()
        return self

    async def successor(self, agent: Agent, *, agents: Any = (), **given: Any) -> "Holder":
        """Begins as this process would have with `agent`, whose last scan was its last act."""
        saved, before = self.logged(), self.entries()
        given |= {"before": before, "saved": saved, "first": agent, "agents": agents}
        after = Holder(self.env, self.spool, self.rules, **given)
        start = Start(self.env, after.live, after.session, after.hooks)
        known = factories.factories_of(agents)
        current = await start.restore(None, GAP, first=agent, factories=known)
        start.attach(current)
        await after.session.start(current)
        await start.go_on(lambda _: Silent())
        after.hooks.scan()
        after.restored, after.report = start.restored, start.restored.report
        return after

    @property
    def agent(self) -> Agent:
        return self.session.current_agent

    @property
    def key(self) -> str:
        return self.hooks.key_of(self.agent)

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.session.generate_reply(user_input=text)
            await asyncio.sleep(SETTLE_S)

    def logged(self) -> Session:
        """What a reader of the log knows."""
        self.hooks.scan()
        return fold(self.entries())

    def entries(self) -> list[tuple[str, bytes]]:
        """Of this holder's journal, behind those of the ones before."""
        reader = JournalReader(self.env, self.spool.journal(self.live.journal.header.holder))
        found = list(self.before)
        while more := reader.read(is_living=True):
            found += [(frame.kind, frame.payload) for frame in more if frame.type == ENTRY]
        reader.close()
        return found

    async def close(self) -> None:
        await self.session.aclose()
        await self.live.close("left")
