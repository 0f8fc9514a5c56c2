"""A service with several addresses is one service."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from unbroken.archive.addresses import addresses, checked, plain
from unbroken.archive.http import RemoteArchive, ask, http_client
from unbroken.errors import ArchiveUnavailable, SettingsInvalid

NOBODY = "http://127.0.0.1:9"  # the discard port: nobody listens
HANG_S = 30


class Replica:
    """Answers with its name, or takes what is sent and never answers."""

    def __init__(self, name: str) -> None:
        self.name, self.is_mute, self.asked = name, False, []
        self.status = b"200 OK"

    async def serve(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().lower()
            length = next((x for x in lines.splitlines() if x.startswith("content-length")), ":0")
            body = await reader.readexactly(int(length.split(":")[1]))
            self.asked.append((lines.splitlines()[0], body))
            if self.is_mute:
                await asyncio.sleep(HANG_S)
            said = self.name.encode()
            head = b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (self.status, len(said))
            writer.write(head + said)
            await writer.drain()


@asynccontextmanager
async def replicas(*names):
    made, servers = [], []
    for name in names:
        made.append(Replica(name))
        servers.append(await asyncio.start_server(quietly(made[-1].serve), "127.0.0.1", 0))
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    try:
        yield *made, [f"http://127.0.0.1:{port}" for port in ports], servers
    finally:
        for server in servers:
            server.close()


def quietly(serve):
    async def served(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return served


async def answer_of(client, method="GET", content=b"", within_s=HANG_S):
    return (await ask(client, method, "/x", within_s=within_s, content=content))[1].decode()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://a:1", ("http://a:1",)),
        (" http://a:1/ , http://b:2/base/,", ("http://a:1", "http://b:2/base")),
        ("http://a:1,http://a:1/", ("http://a:1",)),
    ],
)
def test_addresses_are_read_from_one_setting(url, named):
    assert addresses(url) == named
    assert addresses(plain(url)) == named


@pytest.mark.parametrize(
    "url", ["http://a:1,ftp://b", "http://a:1, b:2", "http://a:99999,http://b"]
)
def test_one_that_can_be_no_service_is_named(url):
    with pytest.raises(SettingsInvalid, match="there is no service at"):
        checked(url)


async def test_what_reached_nobody_goes_to_the_next_at_once():
    async with replicas("one", "two") as (one, two, urls, _):
        url = ",".join([NOBODY, f"{urls[0]}/base", urls[1]])
        async with http_client(url, key=None, timeout_s=HANG_S) as client:
            assert await answer_of(client, "POST", b"words") == "one"
            assert await answer_of(client, "POST", b"more") == "one"  # it stays there
    assert one.asked == [("post /base/api/v1/x http/1.1", b"words"), (one.asked[0][0], b"more")]
    assert two.asked == []


async def test_what_got_no_answer_is_asked_elsewhere_only_by_who_asks_again():
    async with replicas("one", "two") as (one, two, urls, _):
        one.is_mute = True
        async with http_client(",".join(urls), key=None, timeout_s=HANG_S) as client:
            with pytest.raises(ArchiveUnavailable):
                await answer_of(client, "POST", b"words", within_s=0.2)
            assert len(one.asked) == 1
            assert two.asked == []
            assert await answer_of(client, "POST", b"words") == "two"


async def test_who_is_told_that_it_cannot_answer_now_asks_elsewhere_the_next_time():
    async with (
        replicas("one", "two") as (one, two, urls, _),
        http_client(",".join(urls), key=None, timeout_s=HANG_S) as client,
    ):
        one.status = b"404 Not Found"
        assert await answer_of(client) == "one"  # an answer as any other
        one.status = b"503 Service Unavailable"
        assert await answer_of(client) == "one"
        assert await answer_of(client) == "two"
    assert (len(one.asked), len(two.asked)) == (2, 1)


async def test_many_that_fail_at_once_move_on_by_one():
    async with replicas("one", "two", "three") as (one, _, three, urls, _servers):
        one.is_mute = True
        async with http_client(",".join(urls), key=None, timeout_s=HANG_S) as client:
            asked = [answer_of(client, within_s=0.2) for _ in range(5)]
            await asyncio.gather(*asked, return_exceptions=True)
            assert len(one.asked) == len(asked)
            assert await answer_of(client) == "two"
    assert three.asked == []


async def test_nobody_at_all_is_said_so():
    async with RemoteArchive(f"{NOBODY},http://127.0.0.1:7") as archive:
        with pytest.raises(ArchiveUnavailable):
            await archive.get_blob(b"x" * 32)
