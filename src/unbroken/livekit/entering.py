"""What an agent's `on_enter` says, while it is there: most begin a speech and are over; one that
waits for it has more to do behind it.

A note in the log says of each that still runs how many speeches it has begun, and how many of them
are over. Its successor runs it again: what was over is not said, of what was cut the rest, and
what comes behind that is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import AgentSession, SpeechCreatedEvent
from livekit.agents.voice import SpeechHandle

from unbroken.live.live import Live
from unbroken.livekit import fragile
from unbroken.livekit.guard import guarded
from unbroken.log.awaiting import entering_of
from unbroken.log.entries import JSON, Noted


class Entering:
    """One `on_enter`, run by the present task."""

    def __init__(
        self,
        live: Live,
        session: AgentSession[Any],
        key: str,
        over: int,
        look: Callable[[], None],
    ) -> None:
        """`over` of its speeches were over before it began again; `look` records its state."""
        self._live, self._session, self._key = live, session, key
        self._task = asyncio.current_task()
        self._begun = self._over = over
        self._at: int | None = None
        self._look = look
        self._is_noted = entering_of(key) in live.session.notes
        self._is_there = True
        self._behind: str | None = None
        session.on("speech_created", self._speaks)

    @guarded
    def _speaks(self, event: SpeechCreatedEvent) -> None:
        if asyncio.current_task() is self._task:
            self._begun += 1
            self._behind = next(reversed(self._live.session.order), None)
            event.speech_handle.add_done_callback(self._heard)
            asyncio.get_running_loop().call_soon(self._note)  # it may be over by then

    def _heard(self, _speech: SpeechHandle) -> None:
        if not fragile.is_closing(self._session):
            self._over += 1
            with self._live.journal.together():
                self._look()
                self._at = self._live.session.earlier.now
                self._note()

    @guarded
    def _note(self) -> None:
        if self._is_there:
            self._is_noted = True
            said: JSON = {
                "begun": self._begun,
                "over": self._over,
                "at": self._at,
                "behind": self._behind,
            }
            self._live.record(Noted(entering_of(self._key), said))

    async def follow(self, on_enter: Callable[[], Awaitable[None]]) -> None:
        """Run it. The note goes when it has come to its end, or has failed."""
        try:
            await on_enter()
        finally:
            self._end()

    @guarded
    def _end(self) -> None:
        self._is_there = False
        self._session.off("speech_created", self._speaks)
        if self._is_noted and not fragile.is_closing(self._session):
            with self._live.journal.together():
                self._look()
                self._live.record(Noted(entering_of(self._key), None))
