"""Blobs are kept under their hash, in a folder and in a real object store."""

import asyncio
import os
import traceback

import pytest
from obstore.store import LocalStore, MemoryStore

from tests.s3 import KEY, SECRET, between, blobs_at
from unbroken.blobs import BLOB_BYTES_MAX, object_store
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, Corrupt, NotFound, SettingsInvalid
from unbroken.testing.blobs import BlobsContract, hashed


class Behind:
    """The objects as any tool sees them."""

    def __init__(self, store) -> None:
        self._store = store

    async def write(self, sha256, content):
        (path,) = await self._paths(sha256)
        await self._store.put_async(path, content)

    async def remove(self, sha256):
        await self._store.delete_async(await self._paths(sha256))

    async def _paths(self, sha256) -> list[str]:
        found = self._store.list(sha256[:1].hex())
        return [meta["path"] async for page in found for meta in page if sha256.hex() in str(meta)]


class TestInAFolder(BlobsContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        return ObjectBlobs.in_folder(tmp_path / "blobs")

    @pytest.fixture
    def behind(self, blobs):
        return Behind(LocalStore(blobs._folder))


class TestInABucket(BlobsContract):
    @pytest.fixture
    async def blobs(self, bucket, s3, monkeypatch):
        return await blobs_at(f"{bucket}/some/prefix", s3.environ(), monkeypatch)

    @pytest.fixture
    def behind(self, blobs):
        return Behind(blobs._store)


@pytest.fixture
def bucket(s3, tmp_path_factory):
    return s3.make_bucket(tmp_path_factory.mktemp("bucket").name)


async def test_a_folder_that_is_gone_is_unavailable(tmp_path):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    (tmp_path / "blobs").rmdir()
    for verb in (blobs.check(), blobs.put(hashed(b""), b"")):
        (tmp_path / "blobs").write_bytes(b"a file")
        with pytest.raises(ArchiveUnavailable):
            await verb


async def test_an_object_of_any_size_is_not_read_into_memory(tmp_path):
    blobs = ObjectBlobs.in_folder(tmp_path)
    await blobs.put(hashed(b"x"), b"x")
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    os.truncate(file, BLOB_BYTES_MAX + 1)
    with pytest.raises(Corrupt):
        await blobs.get(hashed(b"x"))


async def test_an_object_that_is_not_of_its_size_is_not_taken_for_it():
    """As from a store that says yes and keeps less."""

    class Short(MemoryStore):
        async def put_async(self, path, content, **options):
            return await super().put_async(path, content[:-1], **options)

    with pytest.raises(ArchiveUnavailable, match="4 of 5 bytes"):
        await ObjectBlobs(Short()).put(hashed(b"whole"), b"whole")


# At each of these many bytes of a request, and of an answer, the connection is cut.
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("at", [0, 1, 200, 1_000, 300_000, 1_000_000])
async def test_a_cut_upload_is_an_error_and_never_a_part_of_it(bucket, s3, monkeypatch, way, at):
    content = os.urandom(1_000_000)
    async with between(s3) as cut:
        blobs = await blobs_at(bucket, s3.environ(port=cut.port), monkeypatch)
        setattr(cut, way, at)
        try:
            await blobs.put(hashed(content), content)
            is_said = True
        except ArchiveUnavailable:
            is_said = False
        cut.up = cut.down = None
        assert is_said == (way == "down" and at >= 1_000)  # all of the answers came through
        if await blobs.exists(hashed(content)):
            assert await blobs.get(hashed(content)) == content
        await blobs.put(hashed(content), content)
        assert await blobs.get(hashed(content)) == content


@pytest.mark.parametrize("at", [0, 100, 5_000, 999_999])
async def test_a_cut_download_is_never_a_part_of_it(bucket, s3, monkeypatch, at):
    content = os.urandom(1_000_000)
    async with between(s3) as cut:
        blobs = await blobs_at(bucket, s3.environ(port=cut.port), monkeypatch)
        await blobs.put(hashed(content), content)
        cut.down = at
        try:
            found = await blobs.get(hashed(content))
        except ArchiveUnavailable:
            found = None
        assert found in ((content,) if at == 999_999 else (None,))  # it goes on where it was cut
        cut.down = None
        assert await blobs.get(hashed(content)) == content


async def test_a_store_that_does_not_answer_is_told_in_time(bucket, s3, monkeypatch):
    monkeypatch.setattr(object_store, "PUT_S", 0.3)
    monkeypatch.setattr(object_store, "GET_S", 0.3)
    async with between(s3) as cut:
        blobs = await blobs_at(bucket, s3.environ(port=cut.port), monkeypatch)
        cut.is_mute = True
        name = hashed(b"x")
        for verb in (
            blobs.put(name, b"x"),
            blobs.get(name),
            blobs.exists(name),
            blobs.delete(name),
            blobs.check(),
        ):
            async with asyncio.timeout(5 * object_store.CHECK_S):
                with pytest.raises(ArchiveUnavailable, match="in time"):
                    await verb


async def test_a_bucket_that_goes_is_unavailable_and_comes_back(bucket, s3, monkeypatch):
    blobs = await blobs_at(bucket, s3.environ(), monkeypatch)
    await blobs.put(hashed(b"x"), b"x")
    place = s3.folder / bucket.removeprefix("s3://")
    place.rename(s3.folder / "elsewhere")
    for verb in (blobs.check(), blobs.put(hashed(b"y"), b"y")):
        with pytest.raises(ArchiveUnavailable):
            await verb
    with pytest.raises(NotFound):
        await blobs.get(hashed(b"x"))
    (s3.folder / "elsewhere").rename(place)
    await blobs.check()
    assert await blobs.get(hashed(b"x")) == b"x"


async def test_a_place_that_cannot_be_used_is_one_sentence_without_credentials(
    bucket, s3, monkeypatch
):
    refused = s3.environ(secret="another secret")  # noqa: S106
    nowhere = s3.environ() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    for url, environ, why in (
        ("s3://no-such-bucket", s3.environ(), "make the bucket first"),
        (bucket, refused, "refuses its credentials"),
        (bucket, nowhere, "did not answer"),
        ("az://container", s3.environ(), "AZURE_STORAGE_ACCOUNT_NAME"),
    ):
        with pytest.raises(SettingsInvalid) as raised:
            await blobs_at(url, environ, monkeypatch)
        said = str(raised.value)
        assert said.startswith(url)
        assert why in said
        assert "\n" not in said
        told = "".join(traceback.format_exception(raised.value))
        assert all(word not in told for word in (KEY, SECRET, "another secret", "Signature"))
