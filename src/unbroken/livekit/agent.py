"""`durable`: what makes an agent's call survive its process."""

import asyncio
import copy
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from livekit.agents import Agent, AgentSession, JobContext, room_io
from livekit.agents import __version__ as livekit_version
from livekit.agents.llm import ChatContext

from unbroken.archive import Archive, Taken
from unbroken.entries import JSON, Ended, Noted, SessionOpened, plain
from unbroken.env import Env, Host
from unbroken.errors import CallTaken
from unbroken.frames import Header
from unbroken.tend import ARCHIVE, tend
from unbroken.live import Lag, Level, Live, by_agent_session
from unbroken.livekit import items
from unbroken.livekit import room as rooms
from unbroken.livekit.history import History
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.safety import Safety
from unbroken.livekit.speech import Spoken
from unbroken.ownership import bound, take
from unbroken.remote import RemoteArchive
from unbroken.session import Participant, Session, fold
from unbroken.spool import Spool
from unbroken.version import __version__

log = logging.getLogger(__name__)

T = TypeVar("T")
VERSIONS = {"unbroken": __version__, "livekit-agents": livekit_version}
ConversationHook = Callable[[JobContext], Awaitable[str | None]]


def durable(
    ctx: JobContext,
    *,
    role: str | None = None,
    archive: str | Archive | None = None,
    conversation: ConversationHook | None = None,
) -> "Call[Any]":
    """Make this job's call durable; nothing happens until `start`.

    `role` names the session among those of the room (the agent's name unless given).
    `archive` is the service's URL (UNBROKEN_ARCHIVE unless given), or an archive itself.
    `conversation` may choose which conversation this call belongs to; None leaves it to us.
    """
    return Call(ctx, Host(), role=role, archive=archive, conversation=conversation)


class Call(Generic[T]):
    """One session of a call in this process. Lives as long as the job."""

    role: str
    is_new: bool  # False: the session goes on from an earlier holder
    conversation_history: History

    def __init__(
        self,
        ctx: JobContext,
        env: Env,
        *,
        role: str | None,
        archive: str | Archive | None,
        conversation: ConversationHook | None,
    ) -> None:
        self._ctx = ctx
        self._env = env
        self._spool = Spool.open(env, env.variable("UNBROKEN_SPOOL"))
        self._archive = _archive(env, archive)
        self._choose = conversation
        self.role = role or ctx.job.agent_name or "agent"
        self._session_start = datetime.fromtimestamp(env.now_us() / 1e6, UTC)
        self._call_id: UUID | None = None
        self._hooks: Hooks | None = None
        self._live: Live | None = None
        self._tending: asyncio.Task[None] | None = None

    # Starting.

    async def start(self, session: AgentSession[T], *, agent: Agent, **options: Any) -> Self:
        """Own the session, restore what is known of it, and start `session` in the job's room.

        From here on everything said and done is in the journal. `options` go to
        `AgentSession.start`. Without the service the start is provisional: it takes no longer,
        and the keeper makes up for it.
        Raises CallTaken, after `ctx.shutdown`, if another agent has this session, and
        JournalUnwritable if the spool takes no files.
        """
        taken = await self._take_and_connect()
        live = self._live = self._open(taken)
        by_agent_session[session] = live
        self._hooks = hooks = Hooks(self._env, live, session)
        self._ctx.add_shutdown_callback(self._leave)
        self._tending = asyncio.create_task(tend(live, self._spool), name="unbroken tend")
        await self._restore(session, agent, hooks)
        rooms.Participants(live, self._ctx.room).attach()
        hooks.attach(agent)
        await session.start(agent, room=self._ctx.room, **self._defaults(options, hooks))
        hooks.attach_audio()
        hooks.scan()
        Safety(live, self._ctx.room)
        return self

    async def _take_and_connect(self) -> Taken | None:
        """Both at once where the conversation is named before the room is joined."""
        known = rooms.conversation_id(self._ctx)
        if known and not self._choose:
            self._header = self._new_header(known)
            taken, _ = await asyncio.gather(self._take(), self._ctx.connect())
            return taken
        await self._ctx.connect()
        self._header = self._new_header(await self._conversation())
        return await self._take()

    async def _conversation(self) -> UUID | None:
        chosen = await self._choose(self._ctx) if self._choose else None
        return UUID(chosen) if chosen else rooms.conversation_id(self._ctx)

    async def _take(self) -> Taken | None:
        try:
            taken = await take(self._archive, self._header)
        except CallTaken:
            self._ctx.shutdown("another agent has this session")
            raise
        self.is_new = taken is None or taken.is_new
        self._call_id = taken.call_id if taken else None
        if taken is None:
            log.warning("service away, provisional start", extra={"room": self._header.room})
        return taken

    def _new_header(self, conversation_id: UUID | None) -> Header:
        ctx, env = self._ctx, self._env
        pointer = rooms.pointer(ctx.job.room.metadata)
        user_id = pointer.get("user_id")
        return Header(
            holder=env.new_id(),
            host_id=self._spool.host_id(),
            room=ctx.job.room.name,
            room_sid=ctx.job.room.sid,
            role=self.role,
            agent_name=ctx.job.agent_name or None,
            agent_identity=ctx.local_participant_identity,
            conversation_id=conversation_id,
            user_id=user_id if isinstance(user_id, str) else None,
            new_session_id=env.new_id(),
            new_call_id=env.new_id(),
            new_conversation_id=conversation_id or env.new_id(),
            started_at_us=env.now_us(),
            pid=env.pid(),
            versions=VERSIONS,
        )

    def _open(self, taken: Taken | None) -> Live:
        header = self._header = bound(self._header, taken)
        known = fold((e.kind, e.payload) for e in taken.entries) if taken else Session()
        live = Live.open(self._spool, header, known)
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
        return live

    async def _restore(self, session: AgentSession[T], agent: Agent, hooks: Hooks) -> None:
        """The history and the agent's own context, as the log has them."""
        if self.is_new:
            return
        key = hooks.key_of(agent)
        history = items.decode(self.live.session.history)
        context = items.decode(self.live.session.context(key))
        session.history.items[:] = history
        await agent.update_chat_ctx(ChatContext(context), exclude_invalid_function_calls=False)
        hooks.mirror.restore(history, key, context)

    def _defaults(self, options: dict[str, Any], hooks: Hooks) -> dict[str, Any]:
        """Defaults that prevent incidents, and the words as they are played."""
        given: room_io.RoomOptions | None = options.pop("room_options", None)
        wanted = copy.copy(given or room_io.RoomOptions(close_on_disconnect=False))
        if text := wanted.get_text_output_options():
            spoken = Spoken(heard=hooks.in_flight.heard, next_in_chain=text.next_in_chain)
            wanted.text_output = dataclasses.replace(text, next_in_chain=spoken)
        # Else any caller could read the prompt.
        return {"session_host": False, **options, "room_options": wanted}

    async def _leave(self) -> None:
        """The job ends. A call with people in it goes on without us."""
        live, header = self.live, self._header
        if self._tending:
            self._tending.cancel()
        if self._hooks:
            self._hooks.record_usage()
        live.journal.sync()
        await live.close(self._cause())
        if isinstance(self._archive, RemoteArchive):
            await self._archive.aclose()
        log.info("call left", extra={"room": header.room, "session_id": str(live.session_id)})

    def _cause(self) -> str:
        session = self.live.session
        if session.ended is not None:
            return "ended"
        people = (p for p in session.participants.values() if p.kind in ("standard", "sip"))
        return "left" if any(p.is_here for p in people) else "empty"

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
        return str(self._header.conversation_id or self._header.new_conversation_id)

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
        """Record userdata that changed in the middle of a tool; elsewhere it is seen by itself."""
        if self._hooks:
            self._hooks.scan_userdata()

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


def _archive(env: Env, archive: str | Archive | None) -> Archive:
    if archive is None or isinstance(archive, str):
        url = archive or env.variable("UNBROKEN_ARCHIVE") or ARCHIVE
        return RemoteArchive(url, key=env.variable("UNBROKEN_API_KEY"))
    return archive
