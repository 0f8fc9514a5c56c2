"""`durable`: what makes an agent's call survive its process."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext

from unbroken.archive.destination import Destination
from unbroken.archive.http import RemoteArchive
from unbroken.archive.port import Archive, Taken
from unbroken.archive.taking import ALIVE
from unbroken.coordination.holding import LeaseWire
from unbroken.coordination.remote_leases import RemoteLeases
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.state import StateWire
from unbroken.coordination.transcript import RemoteTranscript, Transcript
from unbroken.env import Env, Host
from unbroken.errors import CallTaken, Conflict
from unbroken.journal import Journal
from unbroken.journal.spool import Spool
from unbroken.live.heartbeat import tend
from unbroken.live.live import BEAT_S, Level, Live, by_agent_session
from unbroken.livekit import deposed, last_words, turning_away
from unbroken.livekit.callers import OTHERS, Callers, make_way
from unbroken.livekit.hanging_up import SHUT_DOWN, HangingUp, shut_down
from unbroken.livekit.history import History
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.joining import OVER, VERSIONS, ConversationHook, Joining
from unbroken.livekit.leaving import RAISED, Leaving
from unbroken.livekit.listening import Listening
from unbroken.livekit.participants import Participants
from unbroken.livekit.restore.recover import Gap, Planner
from unbroken.livekit.restore.restore import Restored, read
from unbroken.livekit.restore.start import Start
from unbroken.livekit.safety import Safety
from unbroken.livekit.shares import Shares
from unbroken.livekit.shown import Shown
from unbroken.livekit.speech.voice import Fence
from unbroken.livekit.starting import options_of, undo, with_defaults
from unbroken.livekit.state.factories import AgentFactories, check, factories_of, with_class_of
from unbroken.log.cause import ENDING, ENTRYPOINT_FAILED, LEFT, NOBODY_WAITS, UNREADABLE
from unbroken.log.entries import JSON, Ended, Noted, SessionOpened, plain
from unbroken.log.mark import Mark
from unbroken.log.session import Session

log = logging.getLogger(__name__)

T = TypeVar("T")


def durable(
    ctx: JobContext,
    *,
    agents: AgentFactories = (),
    role: str | None = None,
    archive: str | Archive | None = None,
    conversation: ConversationHook | None = None,
    floor: bool = False,
) -> "Call[Any]":
    """Make this job's call durable; nothing happens until `start`.

    `agents` makes the agents that may be current when a call is restored, if there are more than
    the first: classes, which get the arguments that were recorded (plain data, other agents, chat
    contexts), or by class name a function of what was restored.
    `role` names the session among those of the room (the agent's name unless given).
    `archive` is the URL of the service where the call is kept (UNBROKEN_ARCHIVE unless given). Or
    an `Archive`: the session is taken and read there, and shipped by the keeper of the
    environment's service, which has to lead to the same store; a RemoteArchive stands for its URL.
    `conversation` may choose which conversation this call belongs to; None leaves it to us.
    `floor`: of several agents in the room this one is heard only while it has `call.floor`.
    """
    env = Host()
    if archive is None or isinstance(archive, str):
        where = Destination.of(env, archive)
        archive = own = RemoteArchive(where.url, key=where.key)
    else:
        own, where = None, Destination.of(env)
        if isinstance(archive, RemoteArchive):
            where = Destination.of(env, archive.url, key=archive.key)
    shared = RemoteShared(where.url, env, key=where.key)
    leases = RemoteLeases(where.url, env, key=where.key)
    transcript = RemoteTranscript(where.url, env, key=where.key)
    wires: dict[str, Any] = {"shared": shared, "leases": leases, "transcript": transcript}
    chosen: dict[str, Any] = {
        "agents": agents,
        "role": role,
        "choose": conversation,
        "floor": floor,
    }
    return Call(ctx, env, where.spool(), archive, own=own, **wires, **chosen)


class Call(Shown, Shares, Generic[T]):
    """One session of a call in this process. Lives as long as the job."""

    role: str
    is_new: bool  # nobody has said a word yet, to an earlier holder either: greet
    restored: Restored | None  # what came back, and how well; None in a new call
    conversation_history: History
    _hanging_up: HangingUp
    _callers: Callers
    _starting: asyncio.Timeout | None = None  # while `start` is under way

    def __init__(
        self,
        ctx: JobContext,
        env: Env,
        spool: Spool,
        archive: Archive,
        *,
        own: RemoteArchive | None = None,
        shared: StateWire | None = None,
        leases: LeaseWire | None = None,
        transcript: Transcript | None = None,
        agents: AgentFactories,
        role: str | None,
        choose: ConversationHook | None,
        floor: bool = False,
    ) -> None:
        self._ctx, self._env, self._spool = ctx, env, spool
        self._archive, self._own_archive = archive, own
        self._shared, self._leases, self._states = shared, leases, {}
        self._transcript = transcript
        self._uses_floor, self._floor, self._holding = floor, None, None
        self.role = role or ctx.job.agent_name or "agent"
        self.restored = None
        self._joining = Joining(ctx, env, spool, self._archive, role=self.role, choose=choose)
        self._leaving = Leaving(ctx)
        self._agents, self._factories = agents, factories_of(agents)
        self._planner: Planner | None = None
        self._on_fenced: deposed.Told = lambda: None
        self._session_start = datetime.fromtimestamp(env.now_us() / 1e6, UTC)
        self._call_id: UUID | None = None
        self._hooks: Hooks | None = None
        self._journal: Journal | None = None
        self._live: Live | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_begun = self._is_over = False

    # What the application may decide; call these before `start`.

    def on_recovery(self, planner: Planner) -> None:
        """`planner(facts)` gives the plan for what was in flight when the last holder died."""
        self._planner = planner

    def on_fenced(self, told: deposed.Told) -> None:
        """`told`, a function or coroutine function, is called when another agent owns the
        session. This one is mute by then, and leaves a second later at the latest."""
        self._on_fenced = told

    # Starting.

    async def start(self, session: AgentSession[T], *, agent: Agent, **options: Any) -> Self:
        """Own the session, restore what is known of it, and start `session` in the job's room.

        From here on everything said and done is in the journal. `options` go to
        `AgentSession.start`. Without the service the start is provisional: it takes no longer,
        and the keeper makes up for it.
        Raises CallTaken, after `ctx.shutdown`, if another agent has this session or takes it
        meanwhile, or if it `is_over`: then a job of several roles may go on with another one, and
        shuts down if it does not. Conflict if the call was started before; InvalidInput for
        options that cannot be, and in a new call for `agents` that nothing could make again;
        LimitReached, after the session's voice has said so and `ctx.shutdown`, if calls are full;
        StateRefused if the saved state is of a newer version; JournalUnwritable if the spool takes
        no files; what the service or LiveKit raises.
        Whatever it raises, nothing of it runs on, and the session is free for the next agent.
        """
        given = options_of(options, self._ctx.room)
        if self._is_begun:
            raise Conflict("this call was started before: `durable` makes another one")
        check(self._agents, may_refuse=not self._joining.is_successor)
        self._is_begun = True
        try:
            async with asyncio.timeout(None) as self._starting:
                await self._start(session, agent, given)
        except BaseException as error:
            is_deposed = self._live is not None and self._live.is_fenced
            await self._give_back(session, error)
            if is_deposed and isinstance(error, Exception):
                raise CallTaken("another agent has taken this session") from error
            raise
        finally:
            self._starting = None
        return self

    async def _start(self, session: AgentSession[T], agent: Agent, options: dict[str, Any]) -> None:
        journal, taken = await turning_away.joined(self._joining, session, self._ctx, options)
        self._journal = journal
        self.is_new = taken is None or taken.is_new
        saved, flying = await self._read(journal, taken)
        live = self._open(journal, taken, saved)
        self._spawn(self._obey(session), "unbroken fence")
        self._refuse_over(saved)
        by_agent_session[session] = live
        known = with_class_of(agent, self._factories)
        hooks = self._hooks = Hooks(self._env, live, session, known, self._owners)
        if self._uses_floor:
            self._spawn(self._open_floor(live, hooks).follow(), "unbroken floor")
        start = Start(self._env, live, session, hooks)
        if taken and not taken.is_new:
            gap = Gap.of(taken)
            agent = await start.restore(flying, gap, first=agent, factories=self._factories)
            self.restored = start.restored
            self.is_new = not live.session.message_count
        self._leaving.attach(session)
        self._hanging_up.attach(session)
        start.attach(agent)
        given = with_defaults(options, hooks.in_flight.spoken)
        listening = Listening(live, session, self._ctx.room, self._callers, given["room_options"])
        if self._holding and self.restored:
            await self._holding.resume()
        await session.start(agent, room=self._ctx.room, **given)
        hooks.attach_audio()
        listening.attach()
        self._follow(live, hooks.fence)
        if self.restored:
            listening.judge(self.restored)
            await start.go_on(self._planner)
        hooks.scan()

    async def _give_back(self, session: AgentSession[T], error: BaseException) -> None:
        """After a start that failed. People who are in the room get another agent."""
        self._is_over = True
        by_agent_session.pop(session, None)
        await self._stop_tasks()
        await undo(session)
        cause = LEFT if isinstance(error, asyncio.CancelledError) else ENTRYPOINT_FAILED
        if self._live:
            reason = RAISED if cause == ENTRYPOINT_FAILED else ""
            await self._live.close(self._leaving.cause(self._live.session, reason))
        elif self._journal:
            self._journal.close(cause)
        await self._close_archive()

    def _refuse_over(self, saved: Session) -> None:
        """The last holder had hung up when it was killed, or the room is somebody else's now."""
        if (reason := saved.notes.get(ENDING)) is not None:
            self.live.record(Ended(str(reason)))
            raise self._joining.refuse(CallTaken(OVER, session_id=self.session_id, is_over=True))
        if self._callers.are_others():
            shut_down(self._ctx, OTHERS)
            raise CallTaken(OTHERS)

    async def _read(self, journal: Journal, taken: Taken | None) -> tuple[Session, Mark | None]:
        """What is known of a session that goes on. Where it cannot be read another may try."""
        if taken is None or taken.is_new:
            return Session(), None
        try:
            return await read(self._archive, taken)
        except CallTaken as error:  # a long log takes a while
            journal.close(LEFT)
            self._joining.refuse(error)
            raise
        except Exception:
            journal.close(UNREADABLE)
            raise

    def _open(self, journal: Journal, taken: Taken | None, saved: Session) -> Live:
        header = journal.header
        self._call_id = taken.call_id if taken else None
        if taken and taken.entries:
            self._session_start = datetime.fromtimestamp(taken.entries[0].at_us / 1e6, UTC)
        live = self._live = Live(self._spool, journal, saved)
        self._hanging_up = HangingUp(self._ctx, live, self._outlive)
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
        self._spawn(self._tend(live), "unbroken tend")
        self._callers = Callers.of(self._env, live, self._ctx.room, taken)
        self._owners = {"participants": Participants(live, self._ctx.room, self._callers).attach()}
        return live

    def _follow(self, live: Live, fence: Fence) -> None:
        """What can only begin once the session has started."""
        room = self._ctx.room
        room.on("reconnected", lambda: fence.suspect(0))
        room.local_participant.register_rpc_method(ALIVE, _alive)
        self._spawn(make_way(self._ctx, self._callers), "unbroken callers")
        self._spawn(Safety(live, room).watch(), "unbroken safety")
        live.ack.ready()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._stopped)
        self._tasks.append(task)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """None of our tasks ends by itself. Without them nobody would see that we live, nor we
        that another agent speaks: the next one can."""
        error = None if task.cancelled() else task.exception()
        if self._is_over or not (task.cancelled() or error):
            return
        log.error("%s has stopped, the agent leaves", task.get_name(), exc_info=error)
        shut_down(self._ctx, f"{task.get_name()} has stopped")

    async def _tend(self, live: Live) -> None:
        while True:
            try:
                await tend(live, self._spool)
            except Exception:
                log.exception("beat interrupted")
            await asyncio.sleep(BEAT_S)

    # Ending.

    async def _outlive(self) -> None:
        """The application has shut its session down, and LiveKit leaves the job in the room: the
        last word is not put off until that is over."""
        await last_words.entrypoint()
        await self._leave(SHUT_DOWN)

    async def _obey(self, session: AgentSession[T]) -> None:
        """Stop speaking and leave as soon as the session is somebody else's, or over."""
        while not (self.live.is_fenced or self.live.is_ended):  # noqa: ASYNC110 - a mapped file
            await asyncio.sleep(BEAT_S)
        log.warning("session lost", extra={"session_id": str(self.session_id), "term": self.term})
        if not self.live.is_fenced:
            shut_down(self._ctx, "the session is over")
            return
        await deposed.stop_speaking(session, self._on_fenced)
        await deposed.leave(self._ctx, "another agent has this session")
        if self._starting:
            self._starting.reschedule(asyncio.get_running_loop().time())

    async def _leave(self, reason: str) -> None:
        """The job ends. A call with people in it goes on without us."""
        if self._is_over:
            return
        self._is_over = True
        self.live.journal.sync()
        is_over = self._hanging_up.settle(reason) is not None
        cause = self._leaving.cause(self.live.session, reason)
        await last_words.others(is_waited_for=not is_over and cause not in NOBODY_WAITS)
        await self._stop_tasks()
        if self._hooks:
            self._hooks.in_flight.stop()
            self._hooks.record_usage()
        if (ending := self._hanging_up.settle(reason)) is not None:
            self.live.record(Ended(ending))
        self.live.journal.sync()
        await self.live.close(self._leaving.cause(self.live.session, reason))
        await self._close_archive()
        log.info("call left", extra={"session_id": str(self.session_id)})

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_archive(self) -> None:
        """Ours; one that was given is the application's."""
        await self._close_states()
        if self._own_archive:
            await self._own_archive.aclose()

    # Writing: the journal, at once.

    def note(self, name: str, data: JSON = None) -> int:
        """Record a fact of the application's own; returns its number for `durable(upto=…)`."""
        return self.live.record(Noted(name, plain(data)))

    def touch(self) -> None:
        """Record userdata and options that changed just now; at turns, tools and hand-overs, and
        twice a second, they are seen by themselves."""
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
        """The session is over: nobody continues it. The job shuts down; what is said until it has
        left is still in the transcript."""
        self._hanging_up.end(reason)
        shut_down(self._ctx, reason)


async def _alive(_asked: rtc.RpcInvocationData) -> str:
    """The watcher asks when our keeper has fallen silent."""
    return ""
