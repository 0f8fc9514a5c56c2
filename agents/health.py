"""Whether this worker takes calls: GET / on 127.0.0.1, 200 once LiveKit knows it, 503 before.

LiveKit's own answer is 200 from the start: a room made in that moment stays without an agent.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from livekit.agents import AgentServer


@asynccontextmanager
async def health(server: AgentServer, *, port: int) -> AsyncIterator[None]:
    """Answer on `port` (0: any free one) until the end of the block. Raises OSError if taken."""
    is_registered = False

    def registered(*_: object) -> None:
        nonlocal is_registered
        is_registered = True

    async def answer(_request: web.Request) -> web.Response:
        if is_registered:
            return web.Response(text="OK")
        return web.Response(status=503, text="not yet known to LiveKit")

    server.on("worker_registered", registered)
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
