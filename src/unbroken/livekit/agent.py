"""`durable`: what makes an agent's call survive its process."""

import asyncio
import copy
import dataclasses
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, room_io

from unbroken.archive import Archive, Taken
from unbroken.cause import UNREADABLE
from unbroken.entries import JSON, Ended, Noted, Recovered, SessionOpened, plain
from unbroken.env import Env, Host
from unbroken.journal import Journal
from unbroken.live import BEAT_S, Lag, Level, Live, by_agent_session
from unbroken.livekit import recover, restore
from unbroken.livekit import room as rooms
from unbroken.livekit.history import History
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.joining import VERSIONS, ConversationHook, Joining
from unbroken.livekit.leaving import Leaving
from unbroken.livekit.restore import AgentFactories, Restored
from unbroken.livekit.safety import Safety
from unbroken.livekit.speech import Spoken
from unbroken.livekit.voice import Fence
from unbroken.mark import Mark
from unbroken.ownership import ALIVE
from unbroken.recovery import facts_of
from unbroken.remote import RemoteArchive
from unbroken.session import Participant, Session
from unbroken.spool import Spool
from unbroken.tend import ARCHIVE, tend

log = logging.getLogger(__name__)

T = TypeVar("T")


def durable(
    ctx: JobContext,
    *,
    agents: AgentFactories = (),
    role: str | None = None,
    archive: str | Archive | None = None,
    conversation: ConversationHook | None = None,
) -> "Call[Any]":
    """Make this job's call durable; nothing happens until `start`.

    `agents` makes the agents that may be current when a call is restored, if there are more than
    the first: classes without arguments, or by class name a function of what was restored.
    `role` names the session among those of the room (the agent's name unless given).
    `archive` is the service's URL (UNBROKEN_ARCHIVE unless given), or an archive itself.
    `conversation` may choose which conversation this call belongs to; None leaves it to us.
    """
    env = Host()
    spool = Spool.open(env, env.variable("UNBROKEN_SPOOL"))
    return Call(
        ctx, env, spool, _archive(env, archive), agents=agents, role=role, choose=conversation
    )


class Call(Generic[T]):
    """One session of a call in this process. Lives as long as the job."""

    role: str
    is_new: bool  # False: the session goes on from an earlier holder
    restored: Restored | None  # what came back, and how well; None in a new call
    conversation_history: History

    def __init__(
        self,
        ctx: JobContext,
        env: Env,
        spool: Spool,
        archive: Archive,
        *,
        agents: AgentFactories,
        role: str | None,
        choose: ConversationHook | None,
    ) -> None:
        self._ctx, self._env, self._spool, self._archive = ctx, env, spool, archive
        self.role = role or ctx.job.agent_name or "agent"
        self.restored = None
        self._joining = Joining(ctx, env, spool, archive, role=self.role, choose=choose)
        self._leaving = Leaving(ctx)
        self._factories = restore.factories_of(agents)
        self._planner: recover.Planner | None = None
        self._on_fenced: Callable[[], None] = lambda: None
        self._session_start = datetime.fromtimestamp(env.now_us() / 1e6, UTC)
        self._call_id: UUID | None = None
        self._hooks: Hooks | None = None
        self._live: Live | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # What the application may decide; call these before `start`.

    def on_recovery(self, planner: recover.Planner) -> None:
        """`planner(facts)` gives the plan for what was in flight when the last holder died."""
        self._planner = planner

    def on_fenced(self, told: Callable[[], None]) -> None:
        """`told` is called when another agent owns the session: this one is leaving."""
        self._on_fenced = told

    # Starting.

    async def start(self, session: AgentSession[T], *, agent: Agent, **options: Any) -> Self:
        """Own the session, restore what is known of it, and start `session` in the job's room.

        From here on everything said and done is in the journal. `options` go to
        `AgentSession.start`. Without the service the start is provisional: it takes no longer,
        and the keeper makes up for it.
        Raises CallTaken, after `ctx.shutdown`, if another agent has this session; StateRefused
        if the saved state is of a newer version; JournalUnwritable if the spool takes no files.
        """
        journal, taken = await self._joining.join()
        self.is_new = taken is None or taken.is_new
        saved, flying = await self._read(journal, taken)
        live = self._open(journal, taken, saved)
        by_agent_session[session] = live
        hooks = self._hooks = Hooks(self._env, live, session)
        if taken and not taken.is_new:
            agent = await self._put_back(taken, flying, session, agent, hooks)
        known = set(live.session.items)
        self._leaving.attach(session)
        hooks.attach(agent)
        await session.start(agent, room=self._ctx.room, **self._defaults(options, hooks))
        hooks.attach_audio()
        self._follow(session, live, hooks.fence)
        if self.restored:
            await self._go_on(session, self.restored, known)
        hooks.scan()
        return self

    async def _read(self, journal: Journal, taken: Taken | None) -> tuple[Session, Mark | None]:
        """What is known of a session that goes on. Where it cannot be read another may try."""
        if taken is None or taken.is_new:
            return Session(), None
        try:
            return await restore.read(self._archive, taken)
        except BaseException:
            journal.close(UNREADABLE)
            raise

    def _open(self, journal: Journal, taken: Taken | None, saved: Session) -> Live:
        header = journal.header
        self._call_id = taken.call_id if taken else None
        if taken and taken.entries:
            began = taken.entries[0].at_us / 1e6
            self._session_start = datetime.fromtimestamp(began, UTC)
        live = self._live = Live(self._spool, journal, saved)
        live.record(
            SessionOpened(
                room=header.room,
                room_sid=header.room_sid,
                role=header.role,
                agent_identity=header.agent_identity,
                conversation_id=self.conversation_id,
                versions=VERSIONS,
            )
        )
        self.conversation_history = History(live)
        self._ctx.add_shutdown_callback(self._leave)
        self._spawn(tend(live, self._spool), "unbroken tend")
        rooms.Participants(live, self._ctx.room).attach()
        return live

    async def _put_back(
        self,
        taken: Taken,
        flying: Mark | None,
        session: AgentSession[T],
        first: Agent,
        hooks: Hooks,
    ) -> Agent:
        """Restore into the objects; returns the agent that was current."""
        facts = facts_of(
            self.live.session,
            flying,
            cause=taken.cause or "unknown",
            gap_s=taken.gap_us / 1e6,
            crashes=taken.crashes,
        )
        restore.repair(self._env, self.live, flying, facts)
        self.restored = Restored(self.live, facts, hooks, first=first, factories=self._factories)
        return await self.restored.put_back(session)

    def _follow(self, session: AgentSession[T], live: Live, fence: Fence) -> None:
        """What can only begin once the session has started."""
        room = self._ctx.room
        room.on("reconnected", lambda: fence.suspect(0))
        room.local_participant.register_rpc_method(ALIVE, _alive)
        rooms.link_whoever_comes(session, room)
        Safety(live, room)
        live.ack.ready()
        self._spawn(self._obey(session), "unbroken fence")

    async def _go_on(self, session: AgentSession[T], restored: Restored, known: set[str]) -> None:
        """Finish the restore, write its report, and do what the plan says."""
        await recover.forget_the_start(session, known)
        facts = restored.facts
        plan = await recover.plan_for(facts, self._planner)
        self.live.record(
            Recovered(
                cause=facts.cause,
                gap_ms=round(facts.gap_s * 1_000),
                crashes=facts.crashes,
                plan=type(plan).__name__.lower(),
                report=restored.report,
            )
        )
        await recover.perform(plan, session, facts)

    def _defaults(self, options: dict[str, Any], hooks: Hooks) -> dict[str, Any]:
        """Defaults that prevent incidents, and the words as they are played."""
        given: room_io.RoomOptions | None = options.pop("room_options", None)
        wanted = copy.copy(given or room_io.RoomOptions(close_on_disconnect=False))
        if text := wanted.get_text_output_options():
            spoken = Spoken(heard=hooks.in_flight.heard, next_in_chain=text.next_in_chain)
            wanted.text_output = dataclasses.replace(text, next_in_chain=spoken)
        # Else any caller could read the prompt.
        return {"session_host": False, **options, "room_options": wanted}

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    # Ending.

    async def _obey(self, session: AgentSession[T]) -> None:
        """Stop speaking and leave as soon as the session is somebody else's, or over."""
        while not (self.live.is_fenced or self.live.is_ended):  # noqa: ASYNC110 - a mapped file
            await asyncio.sleep(BEAT_S)
        log.warning("session lost", extra={"session_id": str(self.session_id), "term": self.term})
        if self.live.is_fenced:
            self._on_fenced()
            await session.interrupt(force=True)
        self._ctx.shutdown("another agent has this session")

    async def _leave(self, reason: str) -> None:
        """The job ends. A call with people in it goes on without us."""
        for task in self._tasks:
            task.cancel()
        if self._hooks:
            self._hooks.in_flight.stop()
            self._hooks.record_usage()
        self.live.journal.sync()
        await self.live.close(self._leaving.cause(self.live.session, reason))
        if isinstance(self._archive, RemoteArchive):
            await self._archive.aclose()
        log.info("call left", extra={"session_id": str(self.session_id)})

    # Reading: plain memory, no I/O.

    @property
    def live(self) -> Live:
        """Raises RuntimeError before `start`."""
        if self._live is None:
            raise RuntimeError("the call has not been started")
        return self._live

    @property
    def id(self) -> UUID | None:
        """The call's id; None until a provisional start is answered."""
        return self._call_id

    @property
    def session_id(self) -> UUID | None:
        """None until a provisional start is answered."""
        return self.live.session_id

    @property
    def conversation_id(self) -> str:
        header = self.live.journal.header
        return str(header.conversation_id or header.new_conversation_id)

    @property
    def term(self) -> int | None:
        """None until a provisional start is answered."""
        return self.live.term

    @property
    def participant_states(self) -> Mapping[str, Participant]:
        """By identity; those who left stay, with `is_here` False."""
        return self.live.session.participants

    @property
    def session_start(self) -> datetime:
        """When the session's first holder began."""
        return self._session_start

    @property
    def message_count(self) -> int:
        return self.live.session.message_count

    @property
    def lag(self) -> Lag:
        """What is at risk now."""
        return self.live.lag

    # Writing: the journal, at once.

    def note(self, name: str, data: JSON = None) -> int:
        """Record a fact of the application's own; returns its number for `durable(upto=…)`."""
        return self.live.record(Noted(name, plain(data)))

    def touch(self) -> None:
        """Record userdata and options that changed just now; at turns, tools and hand-overs they
        are seen by themselves."""
        if self._hooks:
            self._hooks.scan()

    async def durable(
        self, level: Level = "service", *, upto: int | None = None, timeout_s: float = 1.0
    ) -> bool:
        """Wait until all so far is that safe; False if it is not within `timeout_s`.

        Raises LevelUnavailable if it cannot become so.
        """
        return await self.live.durable(level, upto=upto, timeout_s=timeout_s)

    async def end(self, reason: str = "done") -> None:
        """The session is over: nobody continues it. The job shuts down."""
        self.live.record(Ended(reason))
        self._ctx.shutdown(reason)


async def _alive(_asked: rtc.RpcInvocationData) -> str:
    """The watcher asks when our keeper has fallen silent."""
    return ""


def _archive(env: Env, archive: str | Archive | None) -> Archive:
    if archive is None or isinstance(archive, str):
        url = archive or env.variable("UNBROKEN_ARCHIVE") or ARCHIVE
        return RemoteArchive(url, key=env.variable("UNBROKEN_API_KEY"))
    return archive
