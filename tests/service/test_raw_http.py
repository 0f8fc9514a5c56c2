"""Requests as no client of ours writes them."""

import json

import pytest

from tests.service.test_connections import WHOLE, opened, serving
from unbroken.service import server

UPGRADE = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def answers(reader, times):
    """Status and content of so many answers on one connection."""
    found = []
    for _ in range(times):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split()[0])
        found.append((int(head.split()[1]), await reader.readexactly(length), head))
    return found


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS client
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ],
)
async def test_what_is_no_http_is_told_so_as_a_problem(tmp_path, said):
    async with serving(tmp_path) as port:
        reader, writer = await opened(port, said)
        ((status, content, head),) = await answers(reader, 1)
        assert (status, json.loads(content)["code"]) == (400, "invalid_input")
        assert b"content-type: application/problem+json\r\n" in head
        assert b"x-content-type-options: nosniff\r\n" in head
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("url", "host", "status"),
    [
        (b"http://localhost/healthz", b"localhost", 200),
        (b"HTTP://LOCALHOST:9/healthz", b"evil.example", 200),
        (b"http://evil.example/healthz", b"localhost", 401),
        (b"http://localhost@evil.example/healthz", b"localhost", 401),
        (b"/healthz?u=http://evil.example/", b"localhost", 400),
    ],
)
async def test_the_host_in_a_whole_url_is_the_one_that_counts(tmp_path, url, host, status):
    async with serving(tmp_path) as port:
        said = b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (url, host)
        reader, writer = await opened(port, said)
        head = await reader.readuntil(b"\r\n")
        assert head.split()[1] == b"%d" % status
        writer.close()


async def test_who_offers_another_protocol_is_answered_in_this_one(tmp_path, monkeypatch):
    """And is one connection: as often as they come, those that are at work stay."""
    monkeypatch.setattr(server, "connections_max", lambda: 3)
    async with serving(tmp_path) as port:
        at_work, other = await opened(port, WHOLE)
        for _ in range(9):
            reader, writer = await opened(port, UPGRADE)
            ((status, content, _),) = await answers(reader, 1)
            assert (status, content) == (200, b'{"status":"ok"}')
            writer.close()
            other.write(WHOLE)
        told = await answers(at_work, 10)
        assert [status for status, _, _ in told] == [200] * 10
        other.close()
