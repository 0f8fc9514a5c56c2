"""The watch over sessions: those without a holder get one, those without people end.

Theory of operation. Three loops that do not wait for each other. One sleeps until the next dispatch
is due and is woken by an append that orphaned a session; what it begins goes on in tasks. One
looks at rooms that wait for their first agent. One looks once a second at what nobody reports:
people who come back, hosts that fell silent, agents that should be gone, rooms that LiveKit has
forgotten, and ends that are due.

Every service runs all three. Orphans, waiting rooms and rounds are claimed in the store, each by
one service, and are due again if that one is gone. What is decided is guarded by the term, so that
two rounds at once, of which the first has become slow, do no harm.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from unbroken.errors import RoomServerUnavailable, UnbrokenError
from unbroken.service.parts import ServiceParts
from unbroken.service.watch.ends import Ends
from unbroken.service.watch.failover import Failover
from unbroken.service.watch.first import FirstAgents
from unbroken.service.watch.rounds import Rounds
from unbroken.store.records import Round

PULSE_S = 1.0
AGAIN_S = 0.9  # the next round; a timer may fire a little early, and not be asked again for a pulse
ENDS_ROUNDS = 5
PAUSE_S = 1.0  # after an error of ours that nobody expected

log = structlog.get_logger()


class WatchLoop:
    """While it runs, every session without a holder is dispatched, stands by, or ends. An error in
    one look ends no other."""

    def __init__(self, parts: ServiceParts) -> None:
        self._store, self._steadiness = parts.store, parts.steadiness
        self._reconnect_s = parts.settings.reconnect_s
        self._is_away = False  # LiveKit, when this service last asked
        self.failover = Failover(parts)
        self.first = FirstAgents(parts)
        self.rounds = Rounds(parts)
        self.ends = Ends(parts, self.rounds)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as loops:
                for step in (self._dispatch, self._call_first, self._look, self._pulse):
                    loops.create_task(self._for_ever(step))
        finally:
            await self.failover.aclose()
            await self.first.aclose()

    async def _dispatch(self) -> None:
        await self._store.watch.wait(await self.failover.step())

    async def _call_first(self) -> None:
        await asyncio.sleep(await self.first.step())

    async def _look(self) -> None:
        await self.look()
        await asyncio.sleep(PULSE_S)

    async def look(self) -> None:
        """The round that is due, unless another service has it. Raises as `round`."""
        self._steadiness.pulse()
        if this := await self._begun():
            await self.round(this)

    async def _begun(self) -> Round | None:
        """A service that LiveKit does not answer gives way to one that it may answer."""
        late_s = PULSE_S if self._is_away else 0
        return await self._store.watch.begin_round(
            again_s=AGAIN_S, unsure_s=self._reconnect_s, late_s=late_s
        )

    async def round(self, this: Round) -> None:
        """All that a round looks at. Raises ArchiveUnavailable, RoomServerUnavailable."""
        try:
            if this.number % ENDS_ROUNDS == 0:
                await self.ends.round(this)
            await self.rounds.round(this)
        except RoomServerUnavailable as error:
            await self._note_away(error)
            raise
        self._is_away = False

    async def _note_away(self, error: RoomServerUnavailable) -> None:
        if not self._is_away:
            log.warning("LiveKit away, nothing is judged", error=str(error))
        self._is_away = True
        await self._store.watch.note_away()

    async def _pulse(self) -> None:
        """A look that LiveKit holds up is no pause of ours."""
        self._steadiness.pulse()
        await asyncio.sleep(PULSE_S)

    async def _for_ever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except RoomServerUnavailable:
                await asyncio.sleep(PULSE_S)  # told by the one who asked
            except UnbrokenError as error:
                log.warning("watch step skipped", code=error.code)
                await asyncio.sleep(PULSE_S)
            except Exception:  # a fault in one look must not end all failovers
                log.exception("watch step failed")
                await asyncio.sleep(PAUSE_S)
