"""HEAD wherever there is GET: the same status and headers, and nothing behind them.

Whoever only wants to know whether there is something asks so: load balancers, `curl -I`, caches.
All that stands behind this sees a GET, which is given up when its status and headers are said: of
a stream that goes on, nothing more is made.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Told

        try:
            await self._app({**scope, "method": "GET"}, receive, tell)
        except _Told:
            return


class _Told(Exception):
    """The rest of the answer is not wanted."""
