"""gzip for what browsers read: pages and lists. Not for agents and keepers, who share a host with
us or bring their own compression."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

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
        is_page = not path.startswith("/api")
        is_read = path.startswith(READ) and scope.get("method") == "GET"
        app = self._compressed if is_page or is_read else self._app
        await app(scope, receive, send)
