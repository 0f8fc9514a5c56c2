"""`python -m bench.host.stepped`: the service, on a host whose wall clock is ahead by as many
seconds as stand in the file that UNBROKEN_TEST_CLOCK names."""

import asyncio
import os
from pathlib import Path

import uvicorn

from unbroken.env import Host
from unbroken.service.app import create_app
from unbroken.service.server import bind
from unbroken.service.settings import read_settings

CLOCK = "UNBROKEN_TEST_CLOCK"


class SteppedHost(Host):
    """The clock since boot goes on as ever: only the wall clock steps."""

    def now_us(self) -> int:
        return super().now_us() + int(Path(os.environ[CLOCK]).read_text()) * 1_000_000


async def main() -> None:
    settings = read_settings()
    app = create_app(settings, env=SteppedHost())
    with bind(settings) as listener:
        async with app.router.lifespan_context(app):
            config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
            await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
