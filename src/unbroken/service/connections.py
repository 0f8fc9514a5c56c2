"""Connections: more of them than may be open, and those that say nothing, are closed.

A process that has used up its descriptors hears nobody any more, neither agents nor keepers. So
the connections stay below that bound, which is raised as far as the system allows. At the bound
the one that has waited longest without a request of its own is closed for the newcomer: who opens
many and says nothing closes their own. A request's head has a deadline from its first byte on.

What is no HTTP is told so as every other refusal is told, and the connection is only ever one of
HTTP/1.1: a client that offers another protocol is answered in this one.

An answer is in memory until its client has taken it. Each has as long for that as a body has to
come, and at the bound of all of them the one that has waited longest is given up.
"""

import asyncio
import re
import resource
from typing import Any, ClassVar

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unbroken.errors import InvalidInput
from unbroken.service.bodies import BODY_S, BYTES_PER_S_MIN
from unbroken.service.errors import problem
from unbroken.service.headers import HEADERS

DESCRIPTORS_WANTED = 65_536
CONNECTIONS_MAX = 10_000
OTHER_PART = 4  # a quarter of the descriptors is for files, LiveKit and the database
HEAD_S = 10.0  # from the first byte of a request, or of a connection, to the end of its head
UNTAKEN_BYTES_MAX = 128 << 20  # of all answers: as much as of bodies
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
    """uvicorn's, with a bound on their number and a deadline for each head and each answer."""

    most: ClassVar[int]
    idle: ClassVar[dict["Connection", None]]  # no whole request has come; longest first
    untaken: ClassVar["Untaken"]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._taken_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        self.idle[self] = None
        if len(self.connections) > self.most:
            next(iter(self.idle)).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        self._answer_is_taken()
        self.idle.pop(self, None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        if named := _authority(self.url):  # it counts, whatever Host says
            self.headers[:] = [(b"host", named), *(h for h in self.headers if h[0] != b"host")]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.idle.pop(self, None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self in self.connections:
            self.idle[self] = None

    def send_400_response(self, msg: str) -> None:
        refused = problem(400, InvalidInput.code, msg, headers={"Connection": "close", **HEADERS})
        head = b"".join(b"%b: %b\r\n" % header for header in refused.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(refused.body)))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: some clients offer HTTP/2 with each request, and all may go without."""

    def pause_writing(self) -> None:
        super().pause_writing()
        size = self.transport.get_write_buffer_size()
        self._taken_by = self.loop.call_later(BODY_S + size / BYTES_PER_S_MIN, self.abort)
        self.untaken.add(self, size)

    def resume_writing(self) -> None:
        self._answer_is_taken()
        super().resume_writing()

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

    def _answer_is_taken(self) -> None:
        self.untaken.remove(self)
        if self._taken_by is not None:
            self._taken_by.cancel()
            self._taken_by = None


def _authority(url: bytes) -> bytes:
    """Of a whole URL in place of a path, name and port; empty for a path."""
    _, is_whole, rest = url.partition(b"://")
    return b"" if url.startswith(b"/") or not is_whole else re.split(rb"[/?#]", rest, maxsplit=1)[0]


class Untaken:
    """What connections have been answered and have not taken yet, the longest first."""

    def __init__(self) -> None:
        self._bytes: dict[Connection, int] = {}
        self._all = 0

    def add(self, connection: Connection, size_bytes: int) -> None:
        self._bytes[connection] = size_bytes
        self._all += size_bytes
        while self._all > UNTAKEN_BYTES_MAX and len(self._bytes) > 1:
            slowest = next(iter(self._bytes))
            self.remove(slowest)
            slowest.abort()

    def remove(self, connection: Connection) -> None:
        self._all -= self._bytes.pop(connection, 0)


def bounded(most: int) -> type[Connection]:
    """The protocol of one server, for at most so many connections at once."""
    return type("Bounded", (Connection,), {"most": most, "idle": {}, "untaken": Untaken()})


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
