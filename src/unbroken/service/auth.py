"""Who may speak to the service, and how much at once.

With a key, every request under /api/v1 must bear it; who has a token to join a room may read that
room's state with it. Without one the service listens on
loopback, and a Host header of another name is refused, and so is what comes from a page of
another origin, be it only another port: a page on the web that has its name resolved to
127.0.0.1, or simply posts here, must not reach a person's conversations.
"""

import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from unbroken.errors import Unauthorized, UnbrokenError
from unbroken.machine import OWN_NAMES
from unbroken.service.bodies import BLOBS, UPLOAD, Bodies
from unbroken.service.errors import answer
from unbroken.service.headers import Guarded
from unbroken.service.room_tokens import RoomTokens
from unbroken.service.settings import Settings

API = "/api/v1"
READS = {"GET", "OPTIONS"}
PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5})?)?", re.ASCII)
ONCE = {
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "last-event-id",
    "origin",
}
FORM = "multipart/form-data"
# A browser sends these for any page, without asking us first.
SIMPLE = {"text/plain", FORM, "application/x-www-form-urlencoded"}
BODIES = {"application/json", "application/merge-patch+json", "application/msgpack"}


class Gate:
    """ASGI middleware in front of everything."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        key = settings.api_key
        self._key = key.get_secret_value().encode() if key else None
        self._tokens = RoomTokens(settings)
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded, path = Guarded(send), scope["path"]
        try:
            headers = _headers(scope)
            self._admit(scope, headers)
            with self._bodies.reading(receive, path, headers) as body:
                scope.setdefault("state", {})["body"] = body
                await self._app(scope, body, guarded)
        except (UnbrokenError, HTTPException) as error:
            await answer(error)(scope, receive, guarded)
        except ClientDisconnect:
            return  # there is nobody to answer; the body has told it

    def _admit(self, scope: Scope, headers: Mapping[str, str]) -> None:
        method, path = scope["method"], scope["path"]
        if self._key is None:
            _check_names(headers)
            if method not in READS:
                _check_kind(path, headers)
        elif path == API or path.startswith(API + "/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("latin-1"), self._key)
            is_right = right or self._tokens.opens(given.strip(), method, sent_path(scope))
            if scheme.lower() != "bearer" or not is_right:
                raise Unauthorized("this service asks for its API key: Authorization: Bearer KEY")


def _headers(scope: Scope) -> dict[str, str]:
    """Raises HTTPException for one of ONCE that is there twice: who checks it and who acts on it
    might each take another one."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        if name in found and name in ONCE:
            raise HTTPException(400, f"a request has one {name.title()}")
        found[name] = value.decode("latin-1")
    return found


def sent_path(scope: Scope) -> str:
    """The path as it was sent: `a%2Fb` and `a/b` are two."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _check_names(headers: Mapping[str, str]) -> None:
    host, origin = headers.get("host", ""), headers.get("origin")
    if _address(host)[0] not in OWN_NAMES:
        raise Unauthorized("without an API key only this host's own names are answered")
    if origin is None:
        return
    scheme, _, named = origin.lower().partition("://")
    if scheme not in PORTS or _address(named, scheme) != _address(host, scheme):
        raise Unauthorized("without an API key pages of other origins are refused")


def _check_kind(path: str, headers: Mapping[str, str]) -> None:
    """A browser asks before it sends a body that is none of a form's."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind:  # of a page, it may come without asking
        is_right = "origin" not in headers or headers.get("content-length", "0") == "0"
    elif path.startswith(BLOBS):
        is_right = kind not in SIMPLE
    else:
        is_right = kind in BODIES or (kind == FORM and path == UPLOAD)
    if not is_right:
        raise HTTPException(415, "a body here is application/json or application/msgpack")


def _address(text: str, scheme: str = "http") -> tuple[str | None, int]:
    """Name and port; no name if it is not just those two."""
    if (found := _ADDRESS.fullmatch(text.lower())) is None:
        return None, 0
    return found[1].strip("[]"), int(found[2] or PORTS[scheme])
