"""Blobs are kept under their hash."""

import hashlib

import pytest
from obstore.store import MemoryStore

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, Corrupt, InvalidInput, NotFound


def hashed(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.fixture(params=["folder", "memory"])
def blobs(request, tmp_path):
    if request.param == "memory":
        return ObjectBlobs(MemoryStore())
    return ObjectBlobs.in_folder(tmp_path / "blobs")


@pytest.mark.parametrize("content", [b"", b"x", b"y" * (5 << 20)])
async def test_what_is_put_can_be_got(blobs, content):
    name = hashed(content)
    assert not await blobs.exists(name)
    await blobs.put(name, content)
    await blobs.put(name, content)
    assert await blobs.exists(name)
    assert await blobs.get(name) == content


async def test_what_is_deleted_is_gone(blobs):
    name = hashed(b"x")
    await blobs.put(name, b"x")
    await blobs.delete(name)
    await blobs.delete(name)
    assert not await blobs.exists(name)
    with pytest.raises(NotFound):
        await blobs.get(name)


async def test_a_wrong_hash_is_refused(blobs):
    with pytest.raises(InvalidInput):
        await blobs.put(hashed(b"x"), b"y")


@pytest.mark.parametrize("size", [10, 1 << 20])
async def test_a_file_that_a_disk_has_changed_is_not_given_out(tmp_path, size):
    content = b"x" * size
    blobs, name = ObjectBlobs.in_folder(tmp_path), hashed(content)
    await blobs.put(name, content)
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.write_bytes(content[:-1] + b"y")
    with pytest.raises(Corrupt):
        await blobs.get(name)
    await blobs.put(name, content)
    assert await blobs.get(name) == content


async def test_a_short_file_is_mended(tmp_path):
    blobs, name = ObjectBlobs.in_folder(tmp_path), hashed(b"whole")
    await blobs.put(name, b"whole")
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.write_bytes(b"")
    await blobs.put(name, b"whole")
    assert await blobs.get(name) == b"whole"


async def test_a_folder_that_is_gone_is_unavailable(tmp_path):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    (tmp_path / "blobs").rmdir()
    (tmp_path / "blobs").write_bytes(b"a file")
    with pytest.raises(ArchiveUnavailable):
        await blobs.put(hashed(b"x"), b"x")
