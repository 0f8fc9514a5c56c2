"""Who may speak to the service, and how much at once.

With a key, every request under /api/v1 must bear it. Without one the service listens on
loopback, and a Host or Origin header of another name is refused: a page on the web that has its
name resolved to 127.0.0.1, or simply posts here, must not reach a person's conversations.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unbroken.archive import MESSAGE_BYTES_MAX
from unbroken.errors import TooLarge, Unauthorized, UnbrokenError
from unbroken.service.errors import answer
from unbroken.service.settings import Settings

API = "/api/v1"
BODY_BYTES_MAX = 1 << 20
# Longer bodies are read by routes of their own.
BODY_BYTES_MAX_BY_PATH = {"/api/v1/journal": MESSAGE_BYTES_MAX, "/api/v1/files/upload": 33 << 20}
BLOBS = "/api/v1/blobs/"
BLOB_BODY_BYTES_MAX = 32 << 20
OWN_NAMES = {"localhost", "127.0.0.1", "::1"}


class Gate:
    """ASGI middleware in front of everything."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        key = settings.api_key
        self._key = key.get_secret_value().encode() if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            self._admit(scope["path"], headers)
            limited = _Limited(receive, _limit(scope["path"]), headers)
        except UnbrokenError as error:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, limited, send)

    def _admit(self, path: str, headers: Mapping[str, str]) -> None:
        if self._key is None:
            _check_names(headers)
        elif path == API or path.startswith(API + "/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("latin-1"), self._key)
            if scheme.lower() != "bearer" or not right:
                raise Unauthorized("this service asks for its API key: Authorization: Bearer KEY")


class _Limited:
    """`receive` that counts, because Content-Length may be absent."""

    def __init__(self, receive: Receive, limit: int, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._limit = limit
        self._count = 0
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:20]) > limit:
            raise TooLarge(f"a body here has at most {limit} bytes")

    async def __call__(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            # The framework's own kind: it turns any other into "cannot parse the body".
            raise HTTPException(413, f"a body here has at most {self._limit} bytes")
        return message


def _limit(path: str) -> int:
    if path.startswith(BLOBS):
        return BLOB_BODY_BYTES_MAX
    return BODY_BYTES_MAX_BY_PATH.get(path, BODY_BYTES_MAX)


def _check_names(headers: Mapping[str, str]) -> None:
    if _name(f"//{headers.get('host', '')}") not in OWN_NAMES:
        raise Unauthorized("without an API key only this host's own names are answered")
    origin = headers.get("origin")
    if origin is not None and _name(origin) not in OWN_NAMES:
        raise Unauthorized("without an API key pages of other origins are refused")


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
