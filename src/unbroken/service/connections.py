"""Connections: more of them than may be open, and those that say nothing, are closed.

A process that has used up its descriptors hears nobody any more, neither agents nor keepers. So
the connections stay below that bound, which is raised as far as the system allows. At the bound
the one that has waited longest without a request of its own is closed for the newcomer: who opens
many and says nothing closes their own. A request's head has a deadline from its first byte on.
"""

import asyncio
import resource
from typing import Any, ClassVar

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

DESCRIPTORS_WANTED = 65_536
CONNECTIONS_MAX = 10_000
OTHER_PART = 4  # a quarter of the descriptors is for files, LiveKit and the database
HEAD_S = 10.0  # from the first byte of a request, or of a connection, to the end of its head
TOLD_S = 60.0  # between two lines about connections that could not be accepted
ACCEPT = "socket.accept() out of system resource"  # asyncio's own words

log = structlog.get_logger()


def connections_max() -> int:
    """How many there may be, after the bound on descriptors was raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else hard
    wanted = min(wanted, DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    known = soft if soft != resource.RLIM_INFINITY else DESCRIPTORS_WANTED
    return max(1, min(CONNECTIONS_MAX, known - known // OTHER_PART))


class Connection(HttpToolsProtocol):
    """uvicorn's, with a bound on their number and a deadline for each head."""

    most: ClassVar[int]
    idle: ClassVar[dict["Connection", None]]  # no whole request has come; longest first

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        self.idle[self] = None
        if len(self.connections) > self.most:
            next(iter(self.idle)).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        self.idle.pop(self, None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.idle.pop(self, None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self in self.connections:
            self.idle[self] = None

    def abort(self) -> None:
        self.idle.pop(self, None)
        self.connections.discard(self)
        self.transport.abort()

    def _expect_head(self) -> None:
        self._head_is_here()
        self._deadline = self.loop.call_later(HEAD_S, self.abort)

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded(most: int) -> type[Connection]:
    """The protocol of one server, for at most so many connections at once."""
    return type("Bounded", (Connection,), {"most": most, "idle": {}})


class Rarely:
    """A loop's exception handler that tells of connections not accepted once in TOLD_S: asyncio
    tells each of thousands of tries a second, with a traceback."""

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._untold = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") != ACCEPT:
            loop.default_exception_handler(context)
            return
        self._untold += 1
        now = loop.time()
        if self._told_at is None or now - self._told_at >= TOLD_S:
            log.error("connections not accepted", times=self._untold, why=str(context["exception"]))
            self._told_at, self._untold = now, 0
