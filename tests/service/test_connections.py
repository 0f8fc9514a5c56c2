"""Connections that say nothing: closed in time, and never so many that nobody else is heard."""

import asyncio
import contextlib
import hashlib
import resource
import socket
import sys

import httpx
import pytest
import structlog

from tests.service.servers import await_answer, free_port, running
from unbroken.service import connections, server
from unbroken.service.connections import Rarely, bounded, connections_max
from unbroken.service.settings import Settings

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANG_S = 15
BLOB_BYTES = 24 << 20
POOLED_S = 5.0  # httpx closes what it has not used for so long
# As a shell's `ulimit -n` does it: the service cannot raise it again.
FEW = (
    "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (192, 192)); "
    "import unbroken.service as s; s.run()"
)


@contextlib.asynccontextmanager
async def serving(tmp_path):
    """The service in this loop; its port."""
    port = free_port()
    settings = Settings(data=tmp_path, port=port, livekit_url="ws://127.0.0.1:9")
    serving = asyncio.create_task(server.serve(settings))
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(500):
            with contextlib.suppress(httpx.HTTPError):
                await client.get(f"http://127.0.0.1:{port}/healthz")
                break
            await asyncio.sleep(0.02)
    try:
        yield port
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        asyncio.get_running_loop().set_exception_handler(None)


async def opened(port: int, said: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    await writer.drain()
    return reader, writer


async def is_closed(reader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(HANG_S):
            return await reader.read() == b""
    return True


@contextlib.asynccontextmanager
async def asking(port: int, blob: str, *, times: int):
    """Readers that have asked for a blob, one after the other, and take none of it."""
    asked = f"GET {blob} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with contextlib.AsyncExitStack() as ends:
        readers = []
        for _ in range(times):
            reader, writer = await opened(port, asked.encode())
            ends.callback(writer.close)
            await reader.readuntil(b"\r\n\r\n")
            readers.append(reader)
        yield readers


async def taken(reader) -> int:
    """How much of an answer is there to be taken."""
    size = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(HANG_S):
            while part := await reader.read(1 << 20):
                size += len(part)
    return size


@contextlib.asynccontextmanager
async def with_a_blob(tmp_path):
    """The service, and a path of BLOB_BYTES: more than the system keeps for a connection."""
    content = b"x" * BLOB_BYTES
    path = f"/api/v1/blobs/{hashlib.sha256(content).hexdigest()}"
    async with serving(tmp_path) as port, httpx.AsyncClient(trust_env=False) as client:
        kept = await client.put(f"http://127.0.0.1:{port}{path}", content=content)
        assert kept.status_code == 204
        yield port, path


@pytest.mark.parametrize("said", [b"", b"G", HEAD])
async def test_a_head_that_does_not_come_is_not_waited_for(tmp_path, monkeypatch, said):
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    async with serving(tmp_path) as port:
        reader, writer = await opened(port, said)
        assert await is_closed(reader)
        writer.close()


async def test_a_head_has_its_deadline_however_it_drips(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    async with serving(tmp_path) as port:
        reader, writer = await opened(port, WHOLE)
        await reader.readuntil(b'{"status":"ok"}')
        with pytest.raises(ConnectionError):
            for _ in range(200):
                writer.write(b"x")
                await asyncio.sleep(0.05)
                await writer.drain()
        writer.close()


async def test_an_idle_connection_is_kept_longer_than_a_client_keeps_it(tmp_path):
    async with serving(tmp_path) as port:
        reader, writer = await opened(port, WHOLE)
        await reader.readuntil(b'{"status":"ok"}')
        await asyncio.sleep(POOLED_S + 1.0)
        writer.write(WHOLE)
        await reader.readuntil(b'{"status":"ok"}')
        writer.close()


async def test_at_the_bound_the_one_that_said_nothing_for_longest_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "connections_max", lambda: 4)
    async with serving(tmp_path) as port:
        silent = [await opened(port, HEAD) for _ in range(9)]
        reader, writer = await opened(port, WHOLE)
        await reader.readuntil(b'{"status":"ok"}')
        assert await is_closed(silent[0][0])
        for _, other in (*silent, (reader, writer)):
            other.close()


async def test_an_answer_that_is_not_taken_is_not_kept(tmp_path, monkeypatch):
    async with with_a_blob(tmp_path) as (port, path), asking(port, path, times=1) as (in_time,):
        monkeypatch.setattr(connections, "BODY_S", 0.1)
        monkeypatch.setattr(connections, "BYTES_PER_S_MIN", BLOB_BYTES * 10)
        async with asking(port, path, times=1) as (silent,):
            await asyncio.sleep(1.0)
            assert await taken(silent) < BLOB_BYTES
            assert await taken(in_time) == BLOB_BYTES


async def test_at_the_bound_of_answers_the_one_that_takes_none_for_longest_is_given_up(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(connections, "UNTAKEN_BYTES_MAX", BLOB_BYTES * 3 // 2)
    async with with_a_blob(tmp_path) as (port, path), asking(port, path, times=3) as slow:
        sizes = [await taken(reader) for reader in slow]
    assert sizes[0] < BLOB_BYTES
    assert sizes[-1] == BLOB_BYTES


def test_many_silent_ones_take_the_service_from_nobody(tmp_path):
    port = free_port()
    environ = {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_PORT": str(port)}
    with (
        running([sys.executable, "-c", FEW], tmp_path / "log", **environ),
        contextlib.ExitStack() as held,
    ):
        await_answer(f"http://127.0.0.1:{port}/healthz")
        for _ in range(400):
            silent = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            silent.sendall(HEAD)
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=HANG_S)
        assert answer.status_code == 200
        assert (tmp_path / "log").stat().st_size < 5_000


async def test_connections_that_cannot_be_accepted_are_told_once_a_minute(monkeypatch):
    loop, rarely = asyncio.get_running_loop(), Rarely()
    said = {"message": connections.ACCEPT, "exception": OSError(24, "Too many open files")}
    with structlog.testing.capture_logs() as logs:
        for _ in range(1_000):
            rarely(loop, said)
        monkeypatch.setattr(connections, "TOLD_S", 0.0)
        rarely(loop, said)
    assert [line["times"] for line in logs] == [1, 1_000]
    assert "Too many open files" in logs[0]["why"]


def test_the_bound_is_below_the_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert connections_max() < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert bounded(1).idle is not bounded(1).idle
