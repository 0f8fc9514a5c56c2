"""405 wherever the contract has the path and not the method, with all that it has in `Allow`.

The framework asks its routes one by one, so `GET /sessions/take` would look for a session of that
name, and `Allow` would name the methods of one route. A slash in a room's name is written %2F,
which keeps the room `a/token` apart from the tokens of the room `a`.
"""

import re
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from unbroken.service.errors import problem

_PART = re.compile(r"\{\w+(:path)?\}")


class Methods:
    """ASGI middleware over the routes of the contract."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        by_path: dict[str, set[str]] = {}
        for route in routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                by_path.setdefault(route.path, set()).update(route.methods or ())
        # The one with the most words of its own first.
        paths = sorted(by_path, key=lambda path: -len(_PART.sub("", path)))
        self._known = [(_pattern(path), by_path[path]) for path in paths]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = self._allowed(scope) if scope["type"] == "http" else None
        if allowed is None or scope["method"] in allowed:
            await self._app(scope, receive, send)
            return
        told = allowed | {"HEAD"} if "GET" in allowed else allowed
        headers = {"Allow": ", ".join(sorted(told))}
        refused = problem(405, "method_not_allowed", f"only {headers['Allow']}", headers=headers)
        await refused(scope, receive, send)

    def _allowed(self, scope: Scope) -> set[str] | None:
        raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        path = raw.decode("latin-1")
        return next((methods for pattern, methods in self._known if pattern.fullmatch(path)), None)


def _pattern(path: str) -> "re.Pattern[str]":
    words = [re.escape(word) for word in _PART.sub("\0", path).split("\0")]
    kinds = (".+" if found[1] else "[^/]+" for found in _PART.finditer(path))
    return re.compile("".join(word + next(kinds, "") for word in words), re.DOTALL)
