"""Bodies on their way in: each below its bound and in time, all together below one more.

Theory of operation. What of a body has come is counted until its request is answered. Bodies that
have come further than their first SMALL_BYTES share ROOM_BYTES; who asks for more than is left is
told to come again. So memory is bounded however many come at once, and the small messages of
agents and keepers are heard beside large ones. Nobody waits for room: who holds it may be slow.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from unbroken.archive.port import MESSAGE_BYTES_MAX
from unbroken.errors import TooLarge

BODY_BYTES_MAX = 1 << 20
BLOBS = "/api/v1/blobs/"
BLOB_BODY_BYTES_MAX = 32 << 20
UPLOAD = "/api/v1/files/upload"
# Longer bodies are read by routes of their own.
BODY_BYTES_MAX_BY_PATH = {"/api/v1/journal": MESSAGE_BYTES_MAX, UPLOAD: 33 << 20}
ROOM_BYTES = 128 << 20
SMALL_BYTES = 64 << 10  # of each body, beside the room for all
BODY_S = 15.0  # for a body without content
BYTES_PER_S_MIN = 16 << 10  # beyond that: the slowest telephone network is faster

log = structlog.get_logger()


class Bodies:
    """Those of one service process."""

    def __init__(self) -> None:
        self.taken_bytes = 0

    @contextmanager
    def reading(self, receive: Receive, path: str, headers: Mapping[str, str]) -> Iterator["Body"]:
        """The `receive` of a request. Raises TooLarge for a length that is beyond its bound."""
        limit = _limit(path)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:20]) > limit:
            raise TooLarge(f"a body here has at most {limit} bytes")
        body = Body(self, receive, limit, path)
        try:
            yield body
        finally:
            self.taken_bytes -= body.taken_bytes


class Body:
    """`receive` that counts, because Content-Length may be absent, and has a deadline."""

    def __init__(self, bodies: Bodies, receive: Receive, limit: int, path: str) -> None:
        self._bodies, self._receive = bodies, receive
        self._limit, self._path = limit, path
        self._began = asyncio.get_running_loop().time()
        self._count = 0
        self._is_whole = False
        self.taken_bytes = 0

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._began + BODY_S + self._count / BYTES_PER_S_MIN):
                message = await self._receive()
        except TimeoutError:
            self._log("body too slow")
            # The framework's own kind: it turns any other into "cannot parse the body".
            raise HTTPException(408, "the body did not come in time", _CLOSE) from None
        if message["type"] == "http.disconnect":
            self._is_whole = True
            self._log("body broken off")
            return message
        self._is_whole = not message.get("more_body", False)
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            raise HTTPException(413, f"a body here has at most {self._limit} bytes", _CLOSE)
        self.take(len(message.get("body", b"")))
        return message

    def take(self, size_bytes: int) -> None:
        """Count so much more until the request is answered. Raises HTTPException 503."""
        self.taken_bytes += size_bytes
        self._bodies.taken_bytes += size_bytes
        if self.taken_bytes > SMALL_BYTES and self._bodies.taken_bytes > ROOM_BYTES:
            self._log("no room for a body")
            raise HTTPException(503, "too much is being sent at once: send it again", _AGAIN)

    def _log(self, event: str) -> None:
        log.info(event, path=self._path, bytes=self._count)


_CLOSE = {"Connection": "close"}
_AGAIN = _CLOSE | {"Retry-After": "1"}


def _limit(path: str) -> int:
    if path.startswith(BLOBS):
        return BLOB_BODY_BYTES_MAX
    return BODY_BYTES_MAX_BY_PATH.get(path, BODY_BYTES_MAX)
