"""One plain GET on this machine, or one PING of Redis: no proxy, no pool, no dependency."""

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
    """2xx of an http:// URL; an answer to PING at a redis:// one."""
    try:
        if urlsplit(url).scheme == "redis":
            return await _ping(url)
        status, _ = await get(url)
    except NoAnswerError:
        return False
    return 200 <= status < 300  # noqa: PLR2004  the classes of HTTP


async def _ping(url: str, *, timeout_s: float = 2.0) -> bool:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 6379)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise NoAnswerError(url) from error


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
