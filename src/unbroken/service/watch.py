"""The watch over sessions that nobody holds: those whose people do not come back are ended."""

import asyncio

import structlog

from unbroken.errors import RoomServerUnavailable, UnbrokenError
from unbroken.service.livekit_rooms import LiveKitRooms
from unbroken.stores.sqlite import SqliteStore
from unbroken.stores.sqlite.ownership import Abandoned

PULSE_S = 1.0
ROUND_PULSES = 5
# LiveKit forgets its rooms when it starts again; people are back within nine seconds.
ROOM_GONE_S = 15.0

log = structlog.get_logger()


class Watch:
    """`rejoin_s`: how long an orphaned session waits for its people."""

    def __init__(self, store: SqliteStore, livekit: LiveKitRooms, *, rejoin_s: float) -> None:
        self._store = store
        self._livekit = livekit
        self._rejoin_s = rejoin_s

    async def run(self) -> None:
        """Until cancelled."""
        pulses = 0
        while True:
            self._store.archive.pulse()
            if pulses % ROUND_PULSES == 0:
                try:
                    await self.round()
                except UnbrokenError as error:
                    log.warning("watch round skipped", code=error.code)
            pulses += 1
            await asyncio.sleep(PULSE_S)

    async def round(self) -> None:
        """End what is over. Raises ArchiveUnavailable; then the next round does it."""
        for session_id in await self._store.ownership.sweep(silent_s=self._rejoin_s):
            log.info("silent session swept", session_id=str(session_id))
        for session in await self._store.ownership.list_abandoned(orphaned_s=self._rejoin_s):
            await self._end(session, "people_left" if session.cause == "empty" else "abandoned")
        waiting = await self._store.ownership.list_abandoned(orphaned_s=ROOM_GONE_S)
        for session in await self._without_room(waiting):
            await self._end(session, "room_closed")

    async def _without_room(self, waiting: list[Abandoned]) -> list[Abandoned]:
        if not waiting:
            return []
        try:
            rooms = await self._livekit.list(sorted({session.room_name for session in waiting}))
        except RoomServerUnavailable:
            return []  # nothing is known of any room
        there = {room.name for room in rooms}
        return [session for session in waiting if session.room_name not in there]

    async def _end(self, session: Abandoned, reason: str) -> None:
        if await self._store.ownership.end(
            session.session_id, session.term, session.holder, reason=reason
        ):
            log.info("session ended", session_id=str(session.session_id), reason=reason)
