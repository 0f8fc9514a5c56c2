"""Work that is only done for who waits for it: a request whose client has gone is given up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from unbroken.errors import ArchiveUnavailable

GONE = "http.disconnect"

T = TypeVar("T")


async def while_asked(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. It is cancelled, and has ended, when its client is gone: then
    ArchiveUnavailable is raised, which nobody hears."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ArchiveUnavailable("who asked has gone")
        return doing.result()
    finally:
        doing.cancel()
        gone.cancel()
        await asyncio.wait({doing, gone})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != GONE:
        pass
