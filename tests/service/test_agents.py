"""POST /sessions/take, POST /journal, PUT /blobs: what agents and keepers send."""

import hashlib

import msgspec
import pytest
import zstandard

from unbroken.archive.http import refusal
from unbroken.archive.port import (
    Archive,
    HostAnswer,
    HostBatch,
    LogPart,
    LogPlace,
    Taken,
    TakeRequest,
    encode,
)
from unbroken.errors import InvalidInput
from unbroken.testing.contracts import ArchiveContract
from unbroken.testing.holders import Holder, numbered

TAKE, JOURNAL = "/api/v1/sessions/take", "/api/v1/journal"


class OverHttp:
    """An archive that is the service's API."""

    def __init__(self, client) -> None:
        self.client = client

    async def take(self, request: TakeRequest) -> Taken:
        answer = await self.client.post(TAKE, content=encode(request))
        if answer.status_code in {404, 409, 422}:
            raise refusal("the service", answer.status_code, answer.content)
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=Taken)

    async def read_log(self, place: LogPlace) -> LogPart:
        asked = {"holder": place.holder, "after": place.seq, "chain": place.chain.hex()}
        answer = await self.client.get(f"/api/v1/sessions/{place.session_id}/log", params=asked)
        if answer.status_code in {404, 409, 422}:
            raise refusal("the service", answer.status_code, answer.content)
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=LogPart)

    async def append(self, batch: HostBatch) -> HostAnswer:
        packed = zstandard.compress(encode(batch))
        headers = {"content-encoding": "zstd"}
        answer = await self.client.post(JOURNAL, content=packed, headers=headers)
        if answer.status_code == 422:
            raise InvalidInput(answer.json()["detail"])
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=HostAnswer)

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        answer = await self.client.put(f"/api/v1/blobs/{sha256.hex()}", content=content)
        assert answer.status_code == 204, answer.text


class TestOverHttp(ArchiveContract):
    @pytest.fixture
    def archive(self, client) -> Archive:
        return OverHttp(client)


async def test_a_bomb_is_refused_before_it_goes_off(client):
    bomb = zstandard.compress(b"\0" * (1 << 26))
    headers = {"content-encoding": "zstd"}
    answer = await client.post(JOURNAL, content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x91" * 20_000, b"{}", b"\x81\xa1v\xa1\xff", msgspec.msgpack.encode({"v": 1})],
)
@pytest.mark.parametrize("path", [TAKE, JOURNAL])
@pytest.mark.parametrize("coding", ["identity", "zstd", "br"])
async def test_what_is_no_message_is_named_so(client, path, body, coding):
    answer = await client.post(path, content=body, headers={"content-encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_truncated_frame_is_refused(client, archive):
    holder = Holder(archive)
    await holder.take()
    whole = HostBatch(
        host_id=holder.host_id,
        host_name="h",
        ttl_ms=3000,
        batches=(holder.batch(1, *numbered(1, 50)),),
    )
    packed = zstandard.compress(encode(whole))
    headers = {"content-encoding": "zstd"}
    answer = await client.post(JOURNAL, content=packed[:-9], headers=headers)
    assert answer.status_code == 422
    assert (await holder.append(1)).seq == 0


async def test_a_body_without_a_length_is_counted(client):
    async def endless():
        for _ in range(40):
            yield b"x" * (1 << 20)

    answer = await client.post(JOURNAL, content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_ttl_out_of_bounds_is_refused(client, archive):
    batch = HostBatch(host_id=Holder(archive).id, host_name="h", ttl_ms=1 << 40)
    with pytest.raises(InvalidInput):
        await OverHttp(client).append(batch)


async def test_a_blob_is_kept_under_its_hash(client):
    content = b"bytes" * 9
    sha256 = hashlib.sha256(content)
    put = OverHttp(client).put_blob
    await put(sha256.digest(), content)
    await put(sha256.digest(), content)
    assert await client.parts.blobs.get(sha256.digest()) == content


async def test_a_blob_with_a_wrong_hash_is_refused(client):
    answer = await client.put(f"/api/v1/blobs/{'0' * 64}", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_an_answer_says_which_history_of_which_database(client, archive):
    answer = await OverHttp(client).append(
        HostBatch(host_id=Holder(archive).id, host_name="h", ttl_ms=3000)
    )
    assert answer.store == archive.identity
    assert answer.batches == ()


async def test_health(client):
    for path in ("/health", "/healthz", "/readyz"):
        assert (await client.get(path)).status_code == 200
