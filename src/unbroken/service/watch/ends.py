"""Every few seconds: sessions that are over are ended."""

import structlog

from unbroken.errors import RoomServerUnavailable
from unbroken.log.cause import EMPTY
from unbroken.service.parts import Parts
from unbroken.service.watch.rounds import Rounds, is_room_of
from unbroken.store.records import Abandoned, Watched

# LiveKit forgets its rooms when it starts again; people are back within nine seconds.
ROOM_GONE_S = 15.0

log = structlog.get_logger()


class Ends:
    def __init__(self, parts: Parts, rounds: Rounds) -> None:
        self._store, self._env = parts.store, parts.env
        self._rounds = rounds
        self._rejoin_s = parts.settings.rejoin_s

    async def round(self) -> None:
        """End what is over. Raises ArchiveUnavailable; then the next round does it."""
        for session_id in await self._store.watch.end_idle(idle_s=self._rejoin_s):
            log.info("session ended", session_id=str(session_id), reason="idle")
        for session in await self._store.watch.list_abandoned(orphaned_s=self._rejoin_s):
            await self._end(session, "people_left" if session.cause == EMPTY else "abandoned")
        for closed in await self._closed():
            await self._end(closed, "room_closed")

    async def _closed(self) -> list[Watched]:
        """Orphans whom nobody can come back to: their room was closed, and LiveKit has none."""
        waiting = [s for s in await self._store.watch.list_waiting() if self._is_closing(s)]
        try:
            rooms = await self._rounds.rooms_of(waiting)
        except RoomServerUnavailable as error:
            self._rounds.note_failure(error)
            return []
        if self._rounds.is_unsure:
            return []
        return [
            session
            for session in waiting
            if (room := rooms.get(session.call.room_name)) is None
            or not is_room_of(room, session.call, is_expected=True)
        ]

    def _is_closing(self, session: Watched) -> bool:
        since = session.orphaned_at_us or 0
        is_old = self._env.now_us() - since >= ROOM_GONE_S * 1_000_000
        return is_old and (session.is_closed or session.agent_name is None)

    async def _end(self, session: Abandoned | Watched, reason: str) -> None:
        if await self._store.watch.end(
            session.session_id, session.term, session.holder, reason=reason
        ):
            log.info("session ended", session_id=str(session.session_id), reason=reason)
