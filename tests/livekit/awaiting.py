"""A holder of a session whose agents await tasks, its death at any moment, and the next holder."""

import asyncio
from typing import Any

import msgspec
from livekit.agents import AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import new_header
from tests.livekit.holders import GAP
from tests.livekit.speaking import flying
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.live.live import Live, by_agent_session
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore.start import Start
from unbroken.livekit.state import factories
from unbroken.log.entries import decode
from unbroken.log.mark import Mark
from unbroken.log.session import Session, fold

QUIET_LOOKS = 2


class Holder:
    """One process's part of a session, without a room. `said` is what its agents say."""

    def __init__(
        self,
        env: Any,
        spool: Any,
        rules: Any,
        before: Any = (),
        *,
        userdata: Any = None,
        session_id: Any = None,
    ) -> None:
        """`userdata` makes what the session is given."""
        self.env, self.spool, self.rules = env, spool, rules
        self.before, self.userdata = before, userdata
        self.session_id = session_id or env.new_id()
        header = msgspec.structs.replace(new_header(env, spool), new_session_id=self.session_id)
        self.live = Live.open(spool, header, fold(before))
        given = {"userdata": userdata()} if userdata else {}
        self.session: AgentSession[Any] = AgentSession(llm=ScriptedLLM(rules), **given)
        by_agent_session[self.session] = self.live
        self.hooks = Hooks(env, self.live, self.session)
        self.report: dict[str, str] = {}
        self.known: set[str] = set()

    async def begin(self, agent: Any) -> "Holder":
        self.hooks.attach(agent)
        await self.session.start(agent)
        self.hooks.scan()
        await self.quiet()
        return self

    async def hear(self, text: str) -> None:
        self.session.generate_reply(user_input=text)
        await self.quiet()

    async def quiet(self, seconds: float = 0.05) -> None:
        """Until nothing more happens, twice in a row. A look that comes late, on a busy machine,
        says nothing."""
        clock = asyncio.get_running_loop().time
        looks, seen = 0, -1
        while looks < QUIET_LOOKS:
            began = clock()
            await asyncio.sleep(seconds)
            is_late = clock() - began > 2 * seconds
            is_quiet = seen == (seen := self.live.journal.appended)
            looks = looks + 1 if is_quiet and not is_late else 0

    def log(self, upto: int | None = None) -> Session:
        """What the next holder reads, or would have read behind that many entries."""
        return fold(self.entries()[:upto])

    def entry(self, kind: str, **fields: Any) -> int:
        """How many entries there were behind the newest of that kind."""
        for n, (its, payload) in reversed(list(enumerate(self.entries(), 1))):
            if its == kind:
                found = decode(its, payload)
                if all(getattr(found, name) == value for name, value in fields.items()):
                    return n
        raise LookupError(kind)

    def entries(self) -> list[tuple[str, bytes]]:
        """The whole log: what came before this holder too."""
        reader = JournalReader(self.env, self.spool.journal(self.live.journal.header.holder))
        frames = []
        while more := reader.read(is_living=True):
            frames += more
        reader.close()
        return [*self.before, *((f.kind, f.payload) for f in frames if f.type == ENTRY)]

    async def next(self, first: Any, *, agents: Any = (), upto: int | None = None) -> "Holder":
        """The holder behind this one, which has died behind that entry, or just now."""
        log = self.entries()[:upto]
        same = {"userdata": self.userdata, "session_id": self.session_id}
        following = Holder(self.env, self.spool, self.rules, log, **same)
        await following.take(first, agents, flying(self) if upto is None else None)
        return following

    async def take(self, first: Any, agents: Any, mark: Mark | None) -> None:
        start = Start(self.env, self.live, self.session, self.hooks)
        known = factories.factories_of(agents)
        agent = await start.restore(mark, GAP, first=first, factories=known)
        start.attach(agent)
        await self.session.start(agent)
        await start.go_on()
        self.known, self.plan = start.known, start.plan
        self.report, self.facts = start.restored.report, start.restored.facts
        self.hooks.scan()
        await self.quiet()

    @property
    def current(self) -> str:
        return type(self.session.current_agent).__name__

    @property
    def said(self) -> list[str]:
        """What agents said in this process."""
        new = (item for item in self.session.history.items if item.id not in self.known)
        return [item.text_content for item in new if getattr(item, "role", "") == "assistant"]

    async def close(self) -> None:
        await self.session.aclose()
        await self.live.close("left")


def words(items: Any) -> list[tuple[str, str]]:
    """Who said what, and which tool came to what."""
    found = []
    for item in items:
        if item.type == "message":
            found.append((item.role, item.text_content))
        elif item.type == "function_call_output":
            found.append((item.name, item.output))
    return found
