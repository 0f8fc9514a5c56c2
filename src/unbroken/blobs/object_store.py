"""Blobs over obstore: a local folder by default, S3, GCS or Azure by a URL."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore

from unbroken import blobs
from unbroken.blobs import Spotted, connecting, failing
from unbroken.errors import ArchiveUnavailable, Corrupt, InvalidInput, NotFound, SettingsInvalid

if TYPE_CHECKING:
    from obstore import ObjectMeta  # there for types only

PUT_S = 25.0  # for one blob; a keeper waits 30 s for the whole of it
GET_S = 25.0
CHECK_S = 1.5
BEGIN_S = 10.0  # until the first answer, at the start of a service
PAGE = 200
LEFT_S = 86_400.0
BLOB = re.compile("[0-9a-f]{2}/([0-9a-f]{64})")
OWNER = "owner"  # an object that says which database deletes here
MARK = "unbroken"  # an object that is always there: without it, the bucket is another or empty


class ObjectBlobs:
    """`Blobs` in an obstore store, at `<first two hex digits>/<sha256 in hex>`."""

    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder  # of a LocalStore, which leaves syncing to us

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Make the folder if there is none. Raises SettingsInvalid if that cannot be."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsInvalid(f"cannot make {folder}: {error.strerror}") from error
        return cls(LocalStore(folder, automatic_cleanup=False), folder=folder)

    @classmethod
    async def at(cls, url: str, environ: Mapping[str, str]) -> Self:
        """In a bucket that answers and takes what is put there. `environ` says the endpoint; the
        credentials are found by the store's own rules. Raises SettingsInvalid."""
        opened = cls(connecting.connect(url, environ))
        try:
            async with asyncio.timeout(BEGIN_S):
                await opened._mark()
        except (BaseError, OSError, ValueError) as error:
            raise SettingsInvalid(f"{url} {failing.why(error, is_start=True)}") from None
        return opened

    async def put(self, sha256: bytes, content: bytes) -> None:
        if await blobs.hash_of(content) != sha256:
            raise InvalidInput("the content does not have this sha256")
        async with _answering(PUT_S):
            # One request, so that it is there whole or not at all. Overwrites: what a power loss
            # or somebody else left short is mended by the next put.
            await self._store.put_async(_path(sha256), content, use_multipart=False)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / _path(sha256))
            found = await self._store.head_async(_path(sha256))
            if found["size"] != len(content):
                size = f"{found['size']} of {len(content)} bytes"
                raise ArchiveUnavailable(f"the blob store has kept {size}")

    async def get(self, sha256: bytes) -> bytes:
        async with _answering(GET_S):
            try:
                found = await self._store.get_async(_path(sha256))
                is_ours = found.meta["size"] <= blobs.BLOB_BYTES_MAX
                content = bytes(await found.bytes_async()) if is_ours else b""
            except FileNotFoundError as error:
                raise NotFound(f"no blob {sha256.hex()}") from error
        if not is_ours or await blobs.hash_of(content) != sha256:
            raise Corrupt(f"blob {sha256.hex()} is not what was stored")
        return content

    async def exists(self, sha256: bytes) -> bool:
        async with _answering(GET_S):
            return await self._has(_path(sha256))

    async def delete(self, sha256: bytes) -> None:
        async with _answering(GET_S):
            try:
                await self._store.delete_async(_path(sha256))
            except FileNotFoundError:
                return

    async def page(self, group: int, *, after: bytes = b"") -> list[Spotted]:
        found: list[Spotted] = []
        start = _path(after) if after else None
        async with _answering(GET_S):
            if self._folder is not None:
                await asyncio.to_thread(_sweep, self._folder / f"{group:02x}")
            async for page in self._store.list(f"{group:02x}", offset=start, chunk_size=PAGE):
                found += filter(None, map(_spotted, page))
                if found and self._folder is None:  # a bucket is in order, a folder is not
                    break
        return sorted(found)[:PAGE]

    async def is_of(self, owner: str) -> bool:
        async with _answering(GET_S):
            with suppress(AlreadyExistsError):
                await self._store.put_async(OWNER, owner.encode(), mode="create")
            found = await self._store.get_async(OWNER)
            return bytes(await found.bytes_async()) == owner.encode()

    async def check(self) -> None:
        async with _answering(CHECK_S):
            if self._folder is not None:
                is_there = await asyncio.to_thread(self._folder.is_dir)
            else:
                is_there = await self._has(MARK)
            if not is_there:
                raise ArchiveUnavailable("the blob store is gone, or it was emptied")

    async def _has(self, path: str) -> bool:
        try:
            await self._store.head_async(path)
        except FileNotFoundError:
            return False
        return True

    async def _mark(self) -> None:
        try:
            await self._store.put_async(MARK, b"", mode="create", use_multipart=False)
        except AlreadyExistsError:
            return


def _path(sha256: bytes) -> str:
    return f"{sha256[:1].hex()}/{sha256.hex()}"


def _spotted(meta: "ObjectMeta") -> Spotted | None:
    """None for what is not ours."""
    found = BLOB.fullmatch(meta["path"])
    at_us = int(meta["last_modified"].timestamp() * 1_000_000)
    return Spotted(bytes.fromhex(found[1]), at_us) if found else None


def _sweep(folder: Path) -> None:
    """Remove what a process that died in a `put` has left."""
    for path in folder.glob("*#*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - LEFT_S:
                path.unlink()


def _sync(path: Path) -> None:
    """The file, and the folders that name it, survive a power loss."""
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@asynccontextmanager
async def _answering(within_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(within_s):
            yield
    except (BaseError, OSError) as error:  # TimeoutError is an OSError
        raise failing.unavailable(error) from None  # its text may hold an access key
