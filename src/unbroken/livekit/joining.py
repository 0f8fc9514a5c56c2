"""Joining a call: the room, and the session in it, at the same time where that can be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from livekit.agents import JobContext
from livekit.agents import __version__ as livekit_version

from unbroken import dispatch, names
from unbroken.archive.port import Archive, Taken
from unbroken.archive.taking import bound, take
from unbroken.env import Env
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    InvalidInput,
    JournalUnwritable,
    LimitReached,
    NotFound,
    PeopleUnknown,
    Unauthorized,
)
from unbroken.journal import Journal
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.live.by_room import CLIENT
from unbroken.live.live import Live, by_room
from unbroken.livekit import last_words
from unbroken.livekit import room as rooms
from unbroken.livekit.hanging_up import shut_down
from unbroken.log.cause import LEFT, REFUSED
from unbroken.people import PEOPLE_MAX, Person
from unbroken.version import __version__

log = logging.getLogger(__name__)

VERSIONS = {"unbroken": __version__, "livekit-agents": livekit_version}
GIVE_UP_S = 30  # a successor that cannot read the session would greet a known caller as new
RETRY_S = 0.5
PATIENT_S = 5  # for an answer, where a session is known to wait
COME_S = 5  # so long an agent in an empty room waits to see whose call it is
LOOK_S = 0.02
CONNECT_S = 5.0  # a connection that nobody wants any more is let come about: then it can be closed
OVER = "the call is over"  # why a job ends
REFUSALS = (CallTaken, LimitReached, NotFound, InvalidInput, Unauthorized)  # nothing became ours

ConversationHook = Callable[[JobContext], Awaitable[str | None]]


class Joining:
    """One job on its way into its room."""

    def __init__(
        self,
        ctx: JobContext,
        env: Env,
        spool: Spool,
        archive: Archive,
        *,
        role: str,
        choose: ConversationHook | None,
    ) -> None:
        self._ctx, self._env, self._spool, self._archive = ctx, env, spool, archive
        self._role = role
        self._choose = choose
        self._left: asyncio.Task[None] | None = None
        self._said = rooms.said(ctx)
        self._named = dispatch.uuid_in(dispatch.pointer_in(self._said), "session_id")

    @property
    def is_successor(self) -> bool:
        """The dispatch says so; one of LiveKit's own may be one, too."""
        return self._named is not None

    async def join(self) -> tuple[Journal, Taken | None]:
        """Connect and take. Without the service None: a provisional start, for a new call only.

        The journal comes first, so that the keeper knows of a holder that dies with the session
        just taken. Raises CallTaken if the session is somebody else's; LimitReached if there is
        no room for the call, and only then the job goes on; NotFound, InvalidInput,
        Unauthorized if the service refuses for another reason; ArchiveUnavailable for a successor
        whom it does not answer: each behind `ctx.shutdown`. Raises JournalUnwritable if the spool
        takes no files, and InvalidInput for a name that cannot be. Then nothing runs and nothing
        is owned: of a take whose answer did not come, the keeper gives up the session.
        """
        known = rooms.conversation(self._ctx)
        if known.conversation_id and not self._choose:
            return await self._own(self._header(known))
        await self._ctx.connect()
        return await self._own(self._header(await self._conversation()))

    async def _own(self, header: Header) -> tuple[Journal, Taken | None]:
        journal = Journal.create(self._spool, header)
        try:
            taken = await self._take_and_connect(header)
            if taken:
                journal.bind(bound(header, taken))
        except BaseException as error:  # a cancelled start must not hold the session either
            journal.close(REFUSED if isinstance(error, REFUSALS) else LEFT)
            raise
        return journal, taken

    async def _take_and_connect(self, header: Header) -> Taken | None:
        """Both at once; neither runs on when this is over."""
        taking = asyncio.create_task(self._take(header), name="unbroken take")
        connecting = asyncio.create_task(self._ctx.connect(), name="unbroken connect")
        both = (taking, connecting)  # to connect a second time changes nothing
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
            if not connecting.done():
                await asyncio.wait([connecting], timeout=CONNECT_S)
            for task in both:
                if task.done():
                    task.result()
            return taking.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _conversation(self) -> rooms.Named:
        chosen = await self._choose(self._ctx) if self._choose else None
        if not chosen:
            return rooms.conversation(self._ctx)
        try:
            return rooms.Named(UUID(chosen))
        except (ValueError, TypeError, AttributeError):
            raise InvalidInput(f"{chosen!r:.80} is no id of a conversation") from None

    async def _take(self, header: Header) -> Taken | None:
        try:
            if self._named is None:
                taken = await self._take_once(header)
            else:
                taken = await self._take_patiently(header)
        except CallTaken as error:
            self.refuse(error)
            raise
        except LimitReached:
            raise  # the caller is told why first
        except (*REFUSALS, ArchiveUnavailable) as error:
            shut_down(self._ctx, f"the session could not be taken: {error.code}")
            raise
        if taken is None:
            log.warning("service away, provisional start", extra={"room": header.room})
        return taken

    def refuse(self, error: CallTaken) -> CallTaken:
        """The job ends, unless it is there for another role than the one that is over."""
        if not error.is_over:
            shut_down(self._ctx, "another agent has this session")
        elif self._named in (None, error.session_id) and not self._others():
            shut_down(self._ctx, OVER)
        else:
            self._left = asyncio.create_task(self._leave_unless_needed(), name="unbroken no role")
        return error

    async def _leave_unless_needed(self) -> None:
        """An entrypoint that has begun no other role until it returns has nothing to do here."""
        await last_words.entrypoint()
        if not self._others():
            shut_down(self._ctx, OVER)

    def _others(self) -> list[Live]:
        """The sessions that this job has in other roles."""
        here = by_room.all(self._ctx.job.room.name)
        return [live for live in here if live.role not in (CLIENT, self._role)]

    async def _take_once(self, header: Header) -> Taken | None:
        """A room's name alone says little: where a call waits for its people, we wait for
        whoever comes, and say who it is."""
        try:
            return await take(self._archive, header)
        except PeopleUnknown:
            header = msgspec.structs.replace(header, people=await self.people_who_come())
        return await take(self._archive, header, wait_s=PATIENT_S)

    async def people_who_come(self) -> tuple[Person, ...]:
        """Whoever is in the room, or comes within `COME_S`."""
        await self._ctx.connect()
        until_us = self._env.boot_us() + COME_S * 1_000_000
        while True:
            here = self._people()
            if here or self._env.boot_us() >= until_us:
                return here
            await asyncio.sleep(LOOK_S)

    def _people(self) -> tuple[Person, ...]:
        here = [rooms.person(who) for who in rooms.people(self._ctx.room)[:PEOPLE_MAX]]
        return tuple(Person(names.fit(who.identity), who.phone) for who in here)

    async def _take_patiently(self, header: Header) -> Taken:
        """A successor stays silent until the store has answered."""
        until_us = self._env.boot_us() + GIVE_UP_S * 1_000_000
        while True:
            if taken := await take(self._archive, header, wait_s=PATIENT_S):
                return taken
            if self._env.boot_us() > until_us:
                raise ArchiveUnavailable("the service does not answer: this session cannot be read")
            await asyncio.sleep(RETRY_S)

    def _header(self, named: rooms.Named) -> Header:
        ctx, env = self._ctx, self._env
        user_id = dispatch.json_object(ctx.job.room.metadata).get("user_id")
        said = dispatch.of_application(self._said)
        pid = env.pid()
        return Header(
            holder=env.new_id(),
            host_id=self._host_id(),
            room=names.check("the room's name", ctx.job.room.name),
            room_sid=names.check("the room's sid", ctx.job.room.sid),
            role=names.check("the role", self._role),
            # "": it has none, and can be sent for all the same
            agent_name=names.check("the agent's name", ctx.job.agent_name, may_be_empty=True),
            agent_identity=names.check("the agent's identity", ctx.local_participant_identity),
            wanted_session_id=self._named,
            said=said if dispatch.is_kept(said) else None,
            conversation_id=named.conversation_id,
            is_room_word=named.is_room_word,
            people=self._people() or None,
            user_id=names.fit(user_id) if isinstance(user_id, str) else None,
            new_session_id=env.new_id(),
            new_call_id=env.new_id(),
            new_conversation_id=env.new_id(),
            started_at_us=env.now_us(),
            pid=pid,
            pid_start=env.started(pid),
            versions=VERSIONS,
        )

    def _host_id(self) -> UUID:
        try:
            return self._spool.host_id()
        except OSError as error:
            raise JournalUnwritable(f"{self._spool.folder}: {error.strerror}") from error
