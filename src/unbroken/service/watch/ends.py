"""Every few seconds: sessions that are over are ended."""

from collections.abc import Iterable
from uuid import UUID

import structlog

from unbroken.log.cause import ABANDONED, EMPTY, PEOPLE_LEFT, ROOM_CLOSED
from unbroken.service.parts import ServiceParts
from unbroken.service.watch.rounds import Rounds, is_there, pages
from unbroken.store.records import Abandoned, Ending, Round, Watched

# LiveKit forgets its rooms when it starts again; people are back within nine seconds.
ROOM_GONE_S = 15.0

log = structlog.get_logger()


class Ends:
    """Each round ends the sessions that are over: idle, abandoned, or their room closed. None is
    ended for a missing room while LiveKit is away, or was a moment ago."""

    def __init__(self, parts: ServiceParts, rounds: Rounds) -> None:
        self._store = parts.store
        self._rounds = rounds
        self._rejoin_s = parts.settings.rejoin_s

    async def round(self, this: Round) -> None:
        """End what is over. Raises RoomServerUnavailable, ArchiveUnavailable; then the next round
        does it."""
        for session_id in await self._store.watch.end_idle(idle_s=self._rejoin_s):
            log.info("session ended", session_id=str(session_id), reason="idle")
        while await self._end_abandoned():
            pass
        if not this.is_unsure:
            await self._end_closed()

    async def _end_abandoned(self) -> bool:
        """A page of those for whom nobody came back; whether there may be more."""
        found = await self._store.watch.list_abandoned(orphaned_s=self._rejoin_s)
        return await self._end(
            _ending(s, PEOPLE_LEFT if s.cause == EMPTY else ABANDONED) for s in found
        )

    async def _end_closed(self) -> None:
        """Orphans whom nobody can come back to: their room was closed, and LiveKit has none."""
        async for page in pages(self._closing):
            rooms = await self._rounds.rooms()
            await self._end(_ending(s, ROOM_CLOSED) for s in page if not is_there(s, rooms))

    async def _closing(self, after: UUID) -> list[Watched]:
        return await self._store.watch.list_closing(orphaned_s=ROOM_GONE_S, after=after)

    async def _end(self, endings: Iterable[Ending]) -> bool:
        """In one step: people who are back wait for no end of another's. Whether one was ended."""
        why = {ending.session_id: ending for ending in endings}
        ended = await self._store.watch.end_each(why.values()) if why else []
        for session_id in ended:
            log.info("session ended", session_id=str(session_id), reason=why[session_id].reason)
        return bool(ended)


def _ending(session: Abandoned | Watched, reason: str) -> Ending:
    return Ending(session.session_id, session.term, session.holder, reason)
