"""One plain GET on this machine: no proxy, no pool, no dependency."""

import asyncio
from urllib.parse import urlsplit

ANSWER_BYTES_MAX = 1_000_000


class NoAnswerError(Exception):
    """Nothing came back in time, or nothing that is HTTP."""


async def get(url: str, *, timeout_s: float = 2.0) -> tuple[int, bytes]:
    """Status and body of an http:// URL. Raises NoAnswerError."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _get(url)
    except (OSError, TimeoutError, ValueError, IndexError) as error:
        raise NoAnswerError(url) from error


async def is_healthy(url: str) -> bool:
    try:
        status, _ = await get(url)
    except NoAnswerError:
        return False
    return 200 <= status < 300  # noqa: PLR2004  the classes of HTTP


async def _get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # HTTP/1.0: the answer ends with the connection and is never in chunks.
        writer.write(f"GET {target} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        answer = await reader.read(ANSWER_BYTES_MAX)
        while not reader.at_eof() and len(answer) < ANSWER_BYTES_MAX:
            answer += await reader.read(ANSWER_BYTES_MAX)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
