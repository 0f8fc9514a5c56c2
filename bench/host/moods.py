"""A service that answers badly: it stands before the real one, and is in a mood for each request.

In some moods the request reaches the service, in others it does not; the sender cannot know.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from tests.service.servers import free_port

LIMIT_BYTES = 1 << 26
HANG_S = 7.0  # longer than any sender waits
SLOW_S = 0.5
DRIP_S = 1.0  # a byte; each one comes in time, the whole never does

WELL = "well"
STATUSES = {
    "302": (302, b""), "400": (400, b"bad"), "401": (401, b"{}"), "404": (404, b"not here"),
    "409": (409, b'{"code":"call_taken"}'), "413": (413, b"too large"), "422": (422, b"bad"),
    "429": (429, b"slow down"), "500": (500, b"oops"), "502": (502, b"<html>bad gateway</html>"),
    "503": (503, b"busy"), "204": (204, b""), "200 html": (200, b"<html>hello</html>"),
    "200 empty": (200, b""), "200 nil": (200, b"\xc0"), "200 map": (200, b"\x80"),
    "299": (299, b"\x81\xa1a\x01"), "200 garbage": (200, bytes(range(256))),
}  # fmt: skip
RAW = {
    **{
        f"{coding} garbage": b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: 5\r\n\r\n"
        b"abcde" % coding.encode()
        for coding in ("gzip", "zstd", "br")
    },
    "not http": bytes(range(1, 200)),
    "huge header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
    "bad charset": b"HTTP/1.1 503 X\r\ncontent-type: text/html; charset=nonsense\r\n"
    b"content-length: 3\r\n\r\n\xff\xfe\xfd",
}
UNSEEN = ("reset before", "hang before")  # the request reaches nobody
SEEN = ("reset after", "hang after", "half", "short", "drip", "slow", "twice")
BAD = (*STATUSES, *RAW, *UNSEEN, *SEEN)
REFUSALS = {"400", "401", "404", "409", "413", "422"}  # words about what was sent: taken at them


class MoodyService:
    """Listens on `url`, in a thread. `mood` chooses one for a path; `WELL` by default."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.mood: Callable[[str], str] = lambda _path: WELL
        self.counts: Counter[str] = Counter()
        self._upstream = upstream
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=LIMIT_BYTES, backlog=512
        )
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goes_on = True
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while goes_on:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                mood = self.mood(head.split(b" ", 2)[1].decode())
                self.counts[mood] += 1
                goes_on = await self._answer(mood, head, body, writer)
                await writer.drain()
        writer.close()

    async def _answer(
        self, mood: str, head: bytes, body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """False when the connection is over."""
        if mood in STATUSES:
            writer.write(_message(*STATUSES[mood]))
            return True
        if mood in RAW:
            writer.write(RAW[mood])
            return mood.endswith("garbage")
        if mood in UNSEEN:
            await asyncio.sleep(HANG_S if mood.startswith("hang") else 0)
            writer.transport.abort()
            return False
        for _ in range(2 if mood == "twice" else 1):
            status, content = await self._ask(head, body)
        return await _pass_on(mood, status, content, writer)

    async def _ask(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._upstream, limit=LIMIT_BYTES
        )
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [li for li in lines if not li.lower().startswith((b"connection", b"host"))]
        named = [b"host: 127.0.0.1", b"connection: close"]
        writer.write(b"\r\n".join([first, *named, *kept]) + b"\r\n\r\n" + body)
        whole = await reader.read(-1)
        writer.close()
        answer, _, content = whole.partition(b"\r\n\r\n")
        if not content and not answer:
            raise ConnectionResetError("the service died in the middle")
        return int(answer.split(b" ", 2)[1]), content


async def _pass_on(mood: str, status: int, content: bytes, writer: asyncio.StreamWriter) -> bool:
    """The service's answer, as the mood leaves it."""
    if mood in ("reset after", "hang after"):
        await asyncio.sleep(HANG_S if mood.startswith("hang") else 0)
        writer.transport.abort()
        return False
    if mood == "half":
        writer.write(_message(status, content)[: -(len(content) // 2) or None])
        return False
    if mood == "drip":
        for byte in _message(status, content):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(DRIP_S)
        return True
    if mood == "slow":
        await asyncio.sleep(SLOW_S)
    writer.write(_message(status, content[: len(content) // 2] if mood == "short" else content))
    return True


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _message(status: int, content: bytes) -> bytes:
    location = b"location: /elsewhere\r\n" if status == 302 else b""
    head = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%b\r\n" % (status, len(content), location)
    return head + content


def drawn(chance: random.Random, *, well: int) -> Callable[[str], str]:
    """A mood for each request, from a deck with every bad mood once and `well` times the good one.

    What refuses a take, or a blob, for good is left out: it would be believed, and rightly so.
    """
    deck: list[str] = []

    def mood(path: str) -> str:
        if not deck:
            deck.extend((*[WELL] * well, *BAD))
            chance.shuffle(deck)
        is_final = path.endswith("/take") or "/blobs/" in path
        found = deck.pop()
        return "503" if is_final and found in REFUSALS else found

    return mood
