"""Whatever answers at the service's address, a client gets its answer or one of our errors."""

import asyncio
import gzip
import time
from contextlib import asynccontextmanager, suppress

import pytest

from tests.core.test_archive_http import STRANGE as STRANGE_TO_KEEPERS
from tests.core.test_archive_http import said, server
from tests.core.told import Told
from unbroken import BackendClient, backend_client
from unbroken.archive.http import ask
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    InvalidInput,
    NotFound,
    RoomServerUnavailable,
    SettingsInvalid,
    Unauthorized,
)

LINE = b'{"role":"user","content":"x","created_at":%s}'
STRANGE = {name: answer for name, answer in STRANGE_TO_KEEPERS.items() if name != "a proxy's 409"}
OTHERS = {
    "a list": said(200, b"[1,2]"),
    "no messages": said(200, b'{"messages": null}'),
    "half a message": said(200, b'{"messages": [{"role":"user"}]}'),
    "texts": said(200, b'{"messages": ["x"]}'),
    "no time": said(200, b'{"messages": [' + LINE % b'"yesterday"' + b"]}"),
    "a number for a time": said(200, b'{"messages": [' + LINE % b"true" + b"]}"),
    "no UTF-8": said(200, '{"messages": [{"role":"user","content":"é"}]}'.encode("latin-1")),
    "very deep": said(200, b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@pytest.fixture
async def asking(tmp_path):
    clients = []

    def make(url):
        clients.append(BackendClient(url, env=Told(tmp_path / "spool", UNBROKEN_ARCHIVE=url)))
        return clients[-1]

    yield make
    for one in clients:
        await one.cleanup()


@pytest.mark.parametrize("answer", (STRANGE | OTHERS).values(), ids=(STRANGE | OTHERS).keys())
async def test_what_is_no_answer_of_ours_is_an_outage(asking, answer):
    async with server(answer) as url:
        one = asking(url)
        with pytest.raises(ArchiveUnavailable) as raised:
            await one.get_recent_messages("c")
        assert raised.value.retryable
        assert len(await one.agent_joined("r")) == 36


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE.keys())
async def test_a_lost_read_is_never_somebody_new(asking, answer):
    async with server(answer) as url:
        with pytest.raises(ArchiveUnavailable):
            await asking(url).get_user_context("ann")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, b"not_found", NotFound),
        (409, b"conflict", Conflict),
        (401, b"unauthorized", Unauthorized),
        (422, b"invalid_input", InvalidInput),
        (503, b"room_server_unavailable", RoomServerUnavailable),
        (503, b"archive_unavailable", ArchiveUnavailable),
    ],
)
async def test_a_refusal_of_the_service_is_one_of_our_errors(asking, status, code, error):
    async with server(said(status, b'{"code":"%s"}' % code)) as url:
        with pytest.raises(error) as raised:
            await asking(url).create_room("r")
        assert type(raised.value) is error


@asynccontextmanager
async def dropping(answer):
    """Answers the first request of a connection, and closes at its second; the URL, and what was
    asked."""
    asked, connections = [], []

    async def serve(reader, writer):
        connections.append((asyncio.current_task(), writer))
        for said_now in (answer, b""):
            with suppress(asyncio.IncompleteReadError):
                asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[0])
                writer.write(said_now)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked
    listening.close()
    for _, writer in connections:
        writer.close()
    await asyncio.wait([serving for serving, _ in connections])


async def test_a_read_is_sent_again_where_its_connection_had_just_been_closed(asking):
    async with dropping(said(200, b'{"known": true}')) as (url, asked):
        one = asking(url)
        for _ in range(2):
            assert await one.get_user_context("ann") == {"known": True}
        assert asked == [b"GET"] * 3


async def test_what_changes_something_is_sent_once(asking):
    async with dropping(said(200, b"{}")) as (url, asked):
        one = asking(url)
        await one.get_user_context("ann")
        with pytest.raises(ArchiveUnavailable):
            await one.create_room("r")
        assert asked == [b"GET", b"POST"]


async def test_a_whole_answer_has_one_deadline(asking, monkeypatch):
    monkeypatch.setattr(backend_client, "TIMEOUT_S", 0.3)
    async with server(said(200, b" " * 10_000), pause_s=0.05) as url:
        one, began = asking(url), time.monotonic()
        with pytest.raises(ArchiveUnavailable, match="in time"):
            await one._request("GET", "/users/u/context", dict, within_s=0.3)
        assert time.monotonic() - began < 60


async def test_an_agent_that_joins_does_not_wait_for_a_slow_service(asking, monkeypatch):
    """For JOINING_S, which is less than half a second, and no more."""
    assert backend_client.JOINING_S < 0.5
    allowed = []

    async def counted(*words, within_s, **what):
        allowed.append(within_s)
        return await ask(*words, within_s=within_s, **what)

    monkeypatch.setattr(backend_client, "ask", counted)
    async with server(said(200, b" " * 10_000), pause_s=0.05) as url:
        one = asking(url)
        first = await one.agent_joined("r")
        assert allowed == [backend_client.JOINING_S]
        assert await one.agent_joined("r") == first


async def test_an_agent_that_joins_waits_as_long_as_it_says(asking, monkeypatch):
    """What is allowed is what is waited for: with no time, no service is too quick."""
    answer = said(200, b'{"conversation_id": "theirs"}')
    async with server(answer) as url:
        assert await asking(url).agent_joined("r") == "theirs"
        monkeypatch.setattr(backend_client, "JOINING_S", 0.0)
        assert await asking(url).agent_joined("r") != "theirs"


async def test_an_answer_without_end_costs_no_memory(asking, monkeypatch):
    monkeypatch.setattr(backend_client, "ANSWER_BYTES_MAX", 1 << 20)
    bomb = gzip.compress(b'{"messages":[],"a":"' + b"0" * (8 << 20) + b'"}')
    async with server(said(200, bomb, b"content-encoding: gzip")) as url:
        with pytest.raises(ArchiveUnavailable):
            await asking(url).get_recent_messages("c")


@pytest.mark.parametrize(
    "url", ["not a url", "ftp://x", "http://", "http://127.0.0.1:99999", "http://[::1"]
)
async def test_a_url_that_can_never_answer_is_said_at_once(tmp_path, url):
    with pytest.raises(SettingsInvalid, match="http://"):
        BackendClient(url, env=Told(tmp_path / "spool"))


async def test_what_is_corrupt_was_not_said(asking):
    lines = b'{"messages": [{"role":"user","content":"","corrupt":true}, ' + LINE % b"null" + b"]}"
    async with server(said(200, lines)) as url:
        (line,) = await asking(url).get_recent_messages("c")
        assert line.content == "x"
