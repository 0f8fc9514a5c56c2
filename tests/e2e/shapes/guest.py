"""The caller of a shape: types, and reads what the agents say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from livekit import api, rtc

from tests.e2e.house import House
from unbroken.archive.taking import ALIVE

IDENTITY = "ann"
ANSWER_S = 2.0
REACHED = {rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, rtc.RpcError.ErrorCode.APPLICATION_ERROR}


class Guest:
    """In the room with a keyboard; reads what the agents say, as it is played."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.lines: dict[str, str] = {}  # by segment, in the order of their beginnings
        self._reading: set[asyncio.Task[None]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def join(cls, house: House, name: str) -> AsyncIterator["Guest"]:
        guest = cls()
        grants = api.VideoGrants(room_join=True, room=name)
        token = api.AccessToken(house.key, house.secret).with_identity(IDENTITY).with_grants(grants)
        guest.room.register_text_stream_handler("lk.transcription", guest._transcribed)
        await guest.room.connect(house.livekit_url, token.to_jwt())
        try:
            yield guest
        finally:
            for task in guest._reading:
                task.cancel()
            await asyncio.gather(*guest._reading, return_exceptions=True)
            await guest.room.disconnect()

    async def reaches(self, identity: str) -> bool:
        """Whether what is typed now gets there: before an agent's data channel is open it is
        lost. To ask twice is harmless, to type twice is not."""
        try:
            await self.room.local_participant.perform_rpc(
                destination_identity=identity, method=ALIVE, payload="", response_timeout=ANSWER_S
            )
        except rtc.RpcError as error:
            return error.code in REACHED
        return True

    async def type(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic="lk.chat")

    def said(self, since: int) -> str:
        return " | ".join([*self.lines.values()][since:])

    def _transcribed(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity != IDENTITY:
            task = asyncio.create_task(self._read(reader))
            self._reading.add(task)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        key = (reader.info.attributes or {}).get("lk.segment_id", reader.info.stream_id)
        self.lines.setdefault(key, "")
        with contextlib.suppress(rtc.StreamError):  # its sender died
            async for piece in reader:
                self.lines[key] += piece
