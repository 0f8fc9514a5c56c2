"""What comes in: in bounds, in time, and all of it together in memory that there is."""

import asyncio

import pytest
import structlog
import zstandard

from tests.service.conftest import BASE
from unbroken.service import bodies

TAKE = "/api/v1/sessions/take"
BLOB = f"/api/v1/blobs/{'0' * 64}"
MIB = 1 << 20
FORM = "multipart/form-data; boundary=b"
PART = b"x" * (64 << 10)


class Sending:
    """A request whose body comes in parts, and no further than the test says."""

    def __init__(self, client, path, *, method="PUT") -> None:
        self._parts: asyncio.Queue = asyncio.Queue()
        kind = FORM if "files" in path else "application/json"
        headers = {"content-type": kind}
        send = client.request(method, path, content=self._content(), headers=headers)
        self.answer = asyncio.create_task(send)

    async def _content(self):
        while (part := await self._parts.get()) is not None:
            yield part

    def send(self, size: int) -> None:
        for _ in range(size // len(PART)):
            self._parts.put_nowait(PART)

    def end(self) -> None:
        self._parts.put_nowait(None)


async def test_bodies_share_the_room_that_there_is(client, monkeypatch):
    monkeypatch.setattr(bodies, "ROOM_BYTES", 8 * MIB)
    many = [Sending(client, BLOB) for _ in range(8)]
    for one in many:
        one.send(4 * MIB)
    await asyncio.sleep(0.2)
    for one in many:
        one.end()
    statuses = [(await one.answer).status_code for one in many]
    assert set(statuses) == {422, 503}  # no blob has the hash of zeros
    refused = next(one.answer.result() for one in many if one.answer.result().status_code == 503)
    assert refused.json()["code"] == "busy"
    assert refused.headers["retry-after"] == "1"


async def test_small_messages_are_heard_beside_large_ones(client, monkeypatch):
    monkeypatch.setattr(bodies, "ROOM_BYTES", 4 * MIB)
    large = Sending(client, BLOB)
    large.send(4 * MIB)
    await asyncio.sleep(0.2)
    small = Sending(client, "/api/v1/rooms/r/agents", method="POST")
    small.end()
    assert (await small.answer).status_code == 200
    more = Sending(client, BLOB)
    more.send(MIB)
    more.end()
    assert (await more.answer).status_code == 503
    large.end()
    assert (await large.answer).status_code == 422
    again = Sending(client, BLOB)
    again.send(4 * MIB)
    again.end()
    assert (await again.answer).status_code == 422


async def test_what_is_unpacked_needs_room_too(client, monkeypatch):
    monkeypatch.setattr(bodies, "ROOM_BYTES", 4 * MIB)
    headers = {"content-encoding": "zstd"}
    for size, status in ((2 * MIB, 422), (8 * MIB, 503)):
        packed = zstandard.compress(b"0" * size)
        assert len(packed) < 1_000
        answer = await client.put(BLOB, content=packed, headers=headers)
        assert answer.status_code == status


async def test_a_body_that_does_not_come_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_S", 0.2)
    for path in (TAKE, "/api/v1/files/upload"):
        waiting = Sending(client, path, method="POST")
        answer = await waiting.answer
        assert (answer.status_code, answer.json()["code"]) == (408, "timeout")
        assert answer.headers["connection"] == "close"


async def test_a_body_that_comes_slowly_is_taken(client, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_S", 0.2)
    slow = Sending(client, BLOB)
    for _ in range(4):
        slow.send(len(PART))  # which earns it four seconds
        await asyncio.sleep(0.15)
    slow.end()
    assert (await slow.answer).status_code == 422


@pytest.mark.parametrize("path", [TAKE, "/api/v1/files/upload", "/api/v1/rooms"])
async def test_an_upload_that_is_broken_off_is_one_line(client, path):
    kind = FORM.encode() if "files" in path else b"application/json"
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", BASE.removeprefix("http://").encode()), (b"content-type", kind)],
    }
    messages = [{"type": "http.request", "body": b"--b\r\n", "more_body": True}]
    app, sent = client._transport.app, []

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    with structlog.testing.capture_logs() as logs:
        await app(scope, receive, send)
    assert [line["event"] for line in logs] == ["body broken off"]
