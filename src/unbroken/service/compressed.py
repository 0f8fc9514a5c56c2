"""gzip for what browsers read: pages and lists. Not for agents and keepers, who share a host with
us or bring their own compression."""

import asyncio
import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEVEL = 5
BYTES_MIN = 1_000
READ = "/api/v1/conversations"


class Compressed:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=BYTES_MIN, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_read = path.startswith(READ) and scope.get("method") == "GET"
        if not path.startswith("/api"):
            await self._compressed(scope, receive, send)
        elif is_read and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            await self._app(scope, receive, _Zipped(send))
        else:
            await self._app(scope, receive, send)


class _Zipped:
    """`send` of a whole answer, compressed in a thread: a long one takes a tenth of a second."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body = message.get("body", b"")
        headers = MutableHeaders(raw=self._start["headers"])
        headers.add_vary_header("Accept-Encoding")
        if len(body) >= BYTES_MIN:
            body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({**message, "body": body})
