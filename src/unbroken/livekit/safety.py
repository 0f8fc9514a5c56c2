"""Tells the page how safe the lines are: small data messages, in one of three forms.

{"v": 1, "id", "role", "level"}     that line is that safe; each level once, of the newest line
{"v": 1, "id", "role", "lost"}      that line is not in the log and never will be
{"v": 1, "degraded": words | null}  what degrades the call now; null: all is well again
"""

import asyncio
import contextlib
import logging

import msgspec
from livekit import rtc

from unbroken.live.live import BEAT_S, LEVELS, Level, Line, Live

log = logging.getLogger(__name__)

TOPIC = "unbroken.safety"


class Safe(msgspec.Struct, frozen=True):
    id: str
    role: str
    level: Level
    v: int = 1


class Gone(msgspec.Struct, frozen=True):
    id: str
    role: str
    lost: bool = True
    v: int = 1


class Degraded(msgspec.Struct, frozen=True):
    degraded: str | None
    v: int = 1


class Safety:
    """Nobody waits for it, and nothing depends on it."""

    def __init__(self, live: Live, room: rtc.Room) -> None:
        self._live = live
        self._room = room
        self._told: tuple[str, Level] | None = None
        self._gone: set[str] = set()  # of those that `live.lines` still holds
        self._degraded: str | None = None
        self._sending: set[asyncio.Task[None]] = set()
        live.on_level = self.reached

    async def watch(self) -> None:
        """Tell what nobody calls us for, at the beat, until cancelled."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("safety not told")
            await asyncio.sleep(BEAT_S)

    def look(self) -> None:
        """What is lost, and what degrades the call, each as it changes."""
        lines = list(self._live.lines)
        for line in lines:
            if line.item_id not in self._gone and self._live.is_lost(line.n):
                self._gone.add(line.item_id)
                self._send(Gone(line.item_id, line.role))
        self._gone &= {line.item_id for line in lines}
        if (words := self._live.lag.degraded) != self._degraded:
            self._degraded = words
            self._send(Degraded(words))

    def reached(self, n: int, level: Level) -> None:
        newest = self._live.newest
        if newest is None or n < newest.n or not self._is_news(newest, level):
            return
        self._told = (newest.item_id, level)
        self._send(Safe(newest.item_id, newest.role, level))

    def _is_news(self, line: Line, level: Level) -> bool:
        if self._live.is_lost(line.n):
            return False
        if self._told is None or self._told[0] != line.item_id:
            return True
        return LEVELS.index(level) > LEVELS.index(self._told[1])

    def _send(self, message: Safe | Gone | Degraded) -> None:
        sending = asyncio.create_task(self._publish(msgspec.json.encode(message)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _publish(self, payload: bytes) -> None:
        with contextlib.suppress(Exception):  # the room is gone; the page shows that itself
            await self._room.local_participant.publish_data(payload, topic=TOPIC)
