"""An answer that goes on: events, sent as they come, to who takes them in time."""

import asyncio
from contextlib import suppress

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

SEND_S = 30.0  # for what the connection's buffers do not take: then whoever asked is given up


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async def timely(message: Message) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(timely)
