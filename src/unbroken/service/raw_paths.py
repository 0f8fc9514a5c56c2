"""Paths of shared state as they were sent: a slash in the name of a room or in a key is %2F, which
keeps the key `b/c` of the room `a` apart from the key `c` of the room `a/b`. The framework would
take both for one path; so its routes match the parts as they are, and read each one by itself.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

STATE = "/api/v1/state/"


class RawPaths:
    """ASGI middleware in front of the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path", "").startswith(STATE) and scope.get("raw_path"):
            raw = scope["raw_path"].partition(b"?")[0]
            scope = {**scope, "path": raw.decode("latin-1")}
        await self._app(scope, receive, send)
