"""What people read: little of it at once, so that agents and keepers are heard meanwhile.

Theory of operation. Whatever makes an answer needs the interpreter, of which a process has one. A
list may need it for tenths of a second, a `take` or an `append` some dozen times for a moment, and
each time it waits for all who are at work. So at most READS_MAX answers are made at once; some
more requests wait for their turn, and the others are told to come again. An answer is sent when
its turn is over: who takes it slowly keeps nobody waiting.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS_MAX = 2  # as many as there are threads for them
WAITING_MAX = 256  # more than 200 people who read at once
WAIT_S = 10.0  # then whoever asked has lost patience, and asks again
READ = tuple(f"/api/v1/{noun}" for noun in ("conversations", "sessions", "users", "analytics"))
_AGAIN = {"Retry-After": "1"}


class Reads:
    """ASGI middleware. Agents read `/log`, which waits for nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(READS_MAX)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_read(scope):
            await self._app(scope, receive, send)
            return
        made: list[Message] = []

        async def keep(message: Message) -> None:
            made.append(message)

        await self._take_turn()
        try:
            await self._app(scope, receive, keep)
        finally:
            self._turns.release()
        for message in made:
            await send(message)

    async def _take_turn(self) -> None:
        """Raises HTTPException 503."""
        if self._waiting >= WAITING_MAX:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turns.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1


def _is_read(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    path: str = scope["path"]
    return path.startswith(READ) and not path.endswith("/log")


def _busy() -> HTTPException:
    return HTTPException(503, "too much is being read at once: ask again", _AGAIN)
