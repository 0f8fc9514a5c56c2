"""Whatever answers at the service's address: it is our service's word, or it is no answer."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from tests.core.conftest import new_header
from unbroken.archive.http import RemoteArchive
from unbroken.archive.port import HostBatch
from unbroken.archive.taking import request_of
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthorized,
)

BLOB = b"words"
NAME = hashlib.sha256(BLOB).digest()


def said(status: int, body: bytes, *headers: bytes) -> bytes:
    head = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@asynccontextmanager
async def server(answer: bytes, *, pause_s: float = 0.0) -> AsyncIterator[str]:
    """Answers everything with the same bytes; with a pause, byte by byte."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for at in range(0, len(answer), 1 if pause_s else len(answer)):
                writer.write(answer[at : at + (1 if pause_s else len(answer))])
                await writer.drain()
                await asyncio.sleep(pause_s)
        except OSError:
            pass  # it would not hear it to the end
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    listening.close()


STRANGE = {
    "an HTML page": said(200, b"<html>hello</html>", b"content-type: text/html"),
    "nothing": said(200, b""),
    "nil": said(200, b"\xc0"),
    "an empty map": said(200, b"\x80"),
    "another 2xx": said(299, b"\x80"),
    "a redirection": said(302, b"", b"location: /elsewhere"),
    "no content": b"HTTP/1.1 204 X\r\n\r\n",
    "no UTF-8 in a key": said(200, b"\x81\xa2\xc3\x28\x01"),
    "deep nesting": said(200, b"\x91" * 5_000 + b"\xc0"),
    "no gzip": said(200, b"abcde", b"content-encoding: gzip"),
    "no zstd": said(200, b"abcde", b"content-encoding: zstd"),
    "no brotli": said(200, b"abcde", b"content-encoding: br"),
    "half an answer": b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nabc",
    "no HTTP": bytes(range(1, 200)),
    "a header without end": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
    "an unknown charset": said(503, b"\xff\xfe", b"content-type: text/html; charset=nonsense"),
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nabc",
    "a proxy's 404": said(404, b"not here"),
    "a proxy's 409": said(409, b'{"code": "conflict"}'),
    "a 500": said(500, b"oops"),
    "a 429": said(429, b"slow"),
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE.keys())
async def test_what_is_no_answer_of_ours_decides_nothing(spool, env, answer):
    async with server(answer) as url, RemoteArchive(url) as remote:
        with pytest.raises(ArchiveUnavailable):
            await remote.append(HostBatch(host_id=spool.host_id(), host_name="h", ttl_ms=1_000))
        with pytest.raises(ArchiveUnavailable):
            await remote.take(request_of(new_header(env, spool)))
        with pytest.raises(ArchiveUnavailable):
            await remote.get_blob(NAME)
        if b" 204 " not in answer:
            with pytest.raises(ArchiveUnavailable):
                await remote.put_blob(NAME, BLOB)


SESSION = UUID(int=5)
REFUSALS = {
    (409, b'{"code":"call_taken"}'): CallTaken,
    (409, b'{"code":"call_taken","session_id":"%s"}' % str(SESSION).encode()): CallTaken,
    (404, b'{"code":"not_found"}'): NotFound,
    (401, b"{}"): Unauthorized,
    (403, b"no"): Unauthorized,
    (413, b"too large"): TooLarge,
    (422, b"bad"): InvalidInput,
}


@pytest.mark.parametrize(("answer", "error"), REFUSALS.items())
async def test_a_refusal_is_one_of_our_errors(spool, env, answer, error):
    async with server(said(*answer)) as url, RemoteArchive(url) as remote:
        with pytest.raises(error) as refused:
            await remote.take(request_of(new_header(env, spool)))
    if error is CallTaken:
        assert refused.value.session_id == (SESSION if b"session_id" in answer[1] else None)


async def test_an_answer_that_drips_is_given_up_as_a_whole(spool):
    """Each byte comes in time; the answer does not."""
    began = time.monotonic()
    dripping = server(said(200, b"x" * 10_000), pause_s=0.05)
    async with dripping as url, RemoteArchive(url, timeout_s=0.3) as remote:
        with pytest.raises(ArchiveUnavailable, match="in time"):
            await remote.append(HostBatch(host_id=spool.host_id(), host_name="h", ttl_ms=1_000))
    assert time.monotonic() - began < 60
