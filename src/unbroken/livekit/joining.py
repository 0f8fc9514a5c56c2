"""Joining a call: the room, and the session in it, at the same time where that can be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from livekit.agents import JobContext
from livekit.agents import __version__ as livekit_version

from unbroken.archive import Archive, Taken
from unbroken.env import Env
from unbroken.errors import CallTaken, InvalidInput, NotFound
from unbroken.frames import Header
from unbroken.livekit import room as rooms
from unbroken.ownership import take
from unbroken.spool import Spool
from unbroken.version import __version__

log = logging.getLogger(__name__)

VERSIONS = {"unbroken": __version__, "livekit-agents": livekit_version}
GIVE_UP_S = 30  # a successor that cannot read the session would greet a known caller as new
RETRY_S = 0.5

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
        self._dispatched = rooms.pointer(ctx.job.metadata)

    async def join(self) -> tuple[Header, Taken | None]:
        """Connect and take. Without the service None: a provisional start, for a new call only.

        Raises CallTaken, after `ctx.shutdown`, if the session is somebody else's.
        """
        known = rooms.conversation_id(self._ctx)
        if known and not self._choose:
            header = self._header(known)
            taken, _ = await asyncio.gather(self._take(header), self._ctx.connect())
            return header, taken
        await self._ctx.connect()
        header = self._header(await self._conversation())
        return header, await self._take(header)

    async def _conversation(self) -> UUID | None:
        chosen = await self._choose(self._ctx) if self._choose else None
        return UUID(chosen) if chosen else rooms.conversation_id(self._ctx)

    async def _take(self, header: Header) -> Taken | None:
        try:
            if header.wanted_session_id is None:
                taken = await take(self._archive, header)
            else:
                taken = await self._take_patiently(header)
        except (CallTaken, NotFound, InvalidInput) as error:
            self._ctx.shutdown("another agent has this session")
            raise CallTaken(str(error)) from error
        if taken is None:
            log.warning("service away, provisional start", extra={"room": header.room})
        return taken

    async def _take_patiently(self, header: Header) -> Taken:
        """A successor stays silent until the store has answered."""
        until_us = self._env.boot_us() + GIVE_UP_S * 1_000_000
        while True:
            if taken := await take(self._archive, header, wait_s=5):
                return taken
            if self._env.boot_us() > until_us:
                raise CallTaken("the service does not answer: this session cannot be read")
            await asyncio.sleep(RETRY_S)

    def _header(self, conversation_id: UUID | None) -> Header:
        ctx, env = self._ctx, self._env
        user_id = rooms.pointer(ctx.job.room.metadata).get("user_id")
        pid = env.pid()
        return Header(
            holder=env.new_id(),
            host_id=self._spool.host_id(),
            room=ctx.job.room.name,
            room_sid=ctx.job.room.sid,
            role=self._role,
            agent_name=ctx.job.agent_name or None,
            agent_identity=ctx.local_participant_identity,
            wanted_session_id=rooms.uuid_in(self._dispatched, "session_id"),
            conversation_id=conversation_id,
            user_id=user_id if isinstance(user_id, str) else None,
            new_session_id=env.new_id(),
            new_call_id=env.new_id(),
            new_conversation_id=conversation_id or env.new_id(),
            started_at_us=env.now_us(),
            pid=pid,
            pid_start=env.started(pid),
            versions=VERSIONS,
        )
