"""What a place for blobs promises: whole and under its hash, or an error that says why."""

import asyncio
import hashlib
from typing import Protocol

import pytest

from unbroken.blobs import Blobs
from unbroken.errors import Corrupt, InvalidInput, NotFound

LARGE = 17 << 20  # more than one part of any multipart upload


class Behind(Protocol):
    """The same place, as somebody sees it who knows nothing of us."""

    async def write(self, sha256: bytes, content: bytes) -> None:
        """Put other bytes in place of the blob."""
        ...

    async def remove(self, sha256: bytes) -> None: ...


def hashed(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


class BlobsContract:
    """Needs `blobs`, and `behind`, which changes them without being asked."""

    @pytest.mark.parametrize("content", [b"", b"x", b"y" * LARGE], ids=["empty", "one", "large"])
    async def test_what_is_put_can_be_got(self, blobs: Blobs, content: bytes) -> None:
        name = hashed(content)
        assert not await blobs.exists(name)
        await blobs.put(name, content)
        await blobs.put(name, content)
        assert await blobs.exists(name)
        assert await blobs.get(name) == content

    async def test_what_is_deleted_is_gone(self, blobs: Blobs) -> None:
        name = hashed(b"x")
        await blobs.put(name, b"x")
        await blobs.delete(name)
        await blobs.delete(name)
        assert not await blobs.exists(name)
        with pytest.raises(NotFound):
            await blobs.get(name)

    async def test_a_wrong_hash_is_refused(self, blobs: Blobs) -> None:
        with pytest.raises(InvalidInput):
            await blobs.put(hashed(b"x"), b"y")
        assert not await blobs.exists(hashed(b"x"))

    async def test_several_put_the_same_at_once(self, blobs: Blobs) -> None:
        content = b"z" * (1 << 20)
        await asyncio.gather(*(blobs.put(hashed(content), content) for _ in range(8)))
        assert await blobs.get(hashed(content)) == content

    @pytest.mark.parametrize("size", [10, 1 << 20])
    @pytest.mark.parametrize("other", ["changed", "cut", "emptied", "longer"])
    async def test_what_was_changed_is_not_given_out_and_is_mended(
        self, blobs: Blobs, behind: Behind, size: int, other: str
    ) -> None:
        content = b"x" * size
        changed = {
            "changed": content[:-1] + b"y",
            "cut": content[: size // 2],
            "emptied": b"",
            "longer": content + b"x",
        }
        await blobs.put(hashed(content), content)
        await behind.write(hashed(content), changed[other])
        with pytest.raises(Corrupt):
            await blobs.get(hashed(content))
        await blobs.put(hashed(content), content)
        assert await blobs.get(hashed(content)) == content

    async def test_what_somebody_removed_is_not_found(self, blobs: Blobs, behind: Behind) -> None:
        await blobs.put(hashed(b"x"), b"x")
        await behind.remove(hashed(b"x"))
        assert not await blobs.exists(hashed(b"x"))
        with pytest.raises(NotFound):
            await blobs.get(hashed(b"x"))
        await blobs.put(hashed(b"x"), b"x")
        assert await blobs.get(hashed(b"x")) == b"x"

    async def test_it_says_that_it_answers(self, blobs: Blobs) -> None:
        await blobs.check()
