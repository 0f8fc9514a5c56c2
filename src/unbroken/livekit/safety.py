"""Tells the page how safe the newest line is: a small data message by item id."""

import asyncio
import contextlib

import msgspec
from livekit import rtc

from unbroken.live import LEVELS, Level, Live

TOPIC = "unbroken.safety"


class Safe(msgspec.Struct, frozen=True):
    v: int
    id: str
    role: str
    level: Level


class Safety:
    """Publishes each level once per item. Nobody waits for it, and nothing depends on it."""

    def __init__(self, live: Live, room: rtc.Room) -> None:
        self._live = live
        self._room = room
        self._told: tuple[str, Level] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        live.on_level = self.reached

    def reached(self, n: int, level: Level) -> None:
        newest = self._live.newest
        if newest is None or n < newest[0] or not self._is_news(newest[1], level):
            return
        self._told = (newest[1], level)
        message = Safe(1, newest[1], newest[2], level)
        sending = asyncio.create_task(self._send(msgspec.json.encode(message)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def _is_news(self, item_id: str, level: Level) -> bool:
        if self._told is None or self._told[0] != item_id:
            return True
        return LEVELS.index(level) > LEVELS.index(self._told[1])

    async def _send(self, payload: bytes) -> None:
        with contextlib.suppress(Exception):  # the room is gone; the page shows that itself
            await self._room.local_participant.publish_data(payload, topic=TOPIC)
