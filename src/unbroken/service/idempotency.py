"""Idempotency-Key: a POST that is sent again is not done again.

For two days the first answer is told again to whoever sends the same body to the same path under
the same key; another body is refused. An answer that says "try again", or that is too long to be
kept, is not kept: such a request is done again, as one is whose service died before it answered.
"""

import asyncio
import hashlib
import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unbroken.errors import InvalidInput
from unbroken.service.auth import sent_path
from unbroken.service.parts import parts_of
from unbroken.store.records import Answered

API = "/api/v1/"
KEY_CHARS_MAX = 256
ANSWER_BYTES_MAX = 1 << 20  # of one that is kept
AGAIN = {401, 408, 413, 423, 429}  # and all from 500 on: another try may do better
ERROR = 500
_BOUNDARY = re.compile('boundary="?([^";,]+)', re.IGNORECASE)


class Idempotency:
    """ASGI middleware. Two that are sent at once are done one after the other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        body = await (request := Request(scope, receive)).body()  # before: it may take long to come
        async with parts_of(request).one_at_a_time(f"POST {sent_path(scope)} {key}"):
            await self._once(key, request, body, send)

    async def _once(self, key: str, request: Request, body: bytes, send: Send) -> None:
        scope, receive = request.scope, request.receive
        path, requests = sent_path(scope), parts_of(request).store.requests
        fingerprint = await asyncio.to_thread(_fingerprint, request, body)
        begun = await requests.begin(path, key, fingerprint)
        if begun.fingerprint != fingerprint:
            raise InvalidInput("this Idempotency-Key was used for another body")
        if begun.answer is not None:
            await _again(begun.answer)(scope, receive, send)
            return
        kept = _Kept(send)
        await self._app(scope, _Said(body, receive), kept)
        if (answer := kept.answer()) is not None:
            await requests.answer(path, key, answer)
        await kept.let_go()


class _Said:
    """`receive` of a body that was read already."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Kept:
    """`send` that holds an answer back until it is kept, unless it is too long for that."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)
        self._size += len(message.get("body", b""))
        if self._size > ANSWER_BYTES_MAX:
            await self.let_go()

    def answer(self) -> Answered | None:
        """None if it is not to be told again."""
        if self._size > ANSWER_BYTES_MAX or not self._messages:
            return None
        start, *parts = self._messages
        if start["status"] >= ERROR or start["status"] in AGAIN:
            return None
        kind = Headers(raw=start["headers"]).get("content-type", "")
        return Answered(start["status"], kind, b"".join(p.get("body", b"") for p in parts))

    async def let_go(self) -> None:
        for message in self._messages:
            await self._send(message)
        self._messages.clear()


def _key(scope: Scope) -> str | None:
    """Raises InvalidInput for one that is none."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(API):
        return None
    key = Headers(scope=scope).get("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_CHARS_MAX:
        raise InvalidInput(f"an Idempotency-Key has 1 to {KEY_CHARS_MAX} characters")
    return key


def _fingerprint(request: Request, body: bytes) -> bytes:
    """The same for a form whose parts are only divided by another word."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/") and (found := _BOUNDARY.search(kind)):
        body = body.replace(found[1].encode("latin-1"), b"")
    said = f"{request.url.query}\n{request.headers.get('content-encoding', '')}\n".encode()
    return hashlib.sha256(said + body).digest()


def _again(answer: Answered) -> Response:
    headers = {"Idempotent-Replayed": "true"}
    if answer.kind:
        headers["Content-Type"] = answer.kind
    return Response(answer.content, answer.status, headers)
