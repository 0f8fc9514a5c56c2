"""Blobs over obstore: a local folder by default, S3, GCS or Azure by another store."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from unbroken import blobs
from unbroken.errors import ArchiveUnavailable, Corrupt, InvalidInput, NotFound, SettingsInvalid


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

    async def put(self, sha256: bytes, content: bytes) -> None:
        if await blobs.hash_of(content) != sha256:
            raise InvalidInput("the content does not have this sha256")
        with _unavailable():
            # Overwrites: a file that a power loss left short is mended by the next put.
            await self._store.put_async(_path(sha256), content)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / _path(sha256))

    async def get(self, sha256: bytes) -> bytes:
        with _unavailable():
            try:
                found = await self._store.get_async(_path(sha256))
                content = bytes(await found.bytes_async())
            except FileNotFoundError as error:
                raise NotFound(f"no blob {sha256.hex()}") from error
        if await blobs.hash_of(content) != sha256:
            raise Corrupt(f"blob {sha256.hex()} is not what was stored")
        return content

    async def exists(self, sha256: bytes) -> bool:
        with _unavailable():
            try:
                await self._store.head_async(_path(sha256))
            except FileNotFoundError:
                return False
        return True

    async def delete(self, sha256: bytes) -> None:
        with _unavailable():
            try:
                await self._store.delete_async(_path(sha256))
            except FileNotFoundError:
                return


def _path(sha256: bytes) -> str:
    return f"{sha256[:1].hex()}/{sha256.hex()}"


def _sync(path: Path) -> None:
    """The file, and the folders that name it, survive a power loss."""
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise ArchiveUnavailable(f"the blob store did not answer: {error}") from error
