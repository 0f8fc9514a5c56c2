"""What a page asks for again and again is sent only if it has changed: ETag and If-None-Match.

An answer has to be made to know whether it has changed: what this saves is its compression, the way
and its reading. The tag is weak: the same content is sent packed and unpacked.
"""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READ = ("/api/v1/conversations", "/api/v1/sessions")
OK, UNCHANGED = 200, 304
TAG_BYTES = 16


class Conditional:
    """ASGI middleware, for whole answers to GET below READ."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_conditional(scope.get("method", ""), scope.get("path", "")):
            send = _Compared(send, Headers(scope=scope).get("if-none-match", ""))
        await self._app(scope, receive, send)


def is_conditional(method: str, path: str) -> bool:
    return method.upper() == "GET" and path.startswith(READ) and not path.endswith("/log")


class _Compared:
    def __init__(self, send: Send, known: str) -> None:
        self._send = send
        self._known = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        self._start: Message = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, body = self._start, message.get("body", b"")
        if start["status"] == OK:
            headers = MutableHeaders(raw=start["headers"])
            tag = f'"{hashlib.blake2b(body, digest_size=TAG_BYTES).hexdigest()}"'
            headers["ETag"] = f"W/{tag}"
            headers["Cache-Control"] = "no-store"  # what was said is not left in a browser's files
            if self._known & {tag, "*"}:
                del headers["Content-Length"]
                start, message = {**start, "status": UNCHANGED}, {**message, "body": b""}
            start = {**start, "headers": headers.raw}
        await self._send(start)
        await self._send(message)
