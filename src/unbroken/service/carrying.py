"""Blobs from one place to another one: what is there already is left."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from unbroken.blobs import Blobs, location
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import Corrupt, SettingsInvalid

GROUPS = 256


async def open_place(place: str, *, is_source: bool) -> ObjectBlobs:
    """A bucket by its URL, or a folder of blobs. Raises SettingsInvalid."""
    if "://" not in place:
        if is_source and not await asyncio.to_thread(Path(place).is_dir):
            raise SettingsInvalid(f"there is no folder {place}")
        return ObjectBlobs.in_folder(Path(place))
    try:
        return await ObjectBlobs.at(location.check(place), os.environ)
    except ValueError as error:
        raise SettingsInvalid(str(error)) from error


async def carry(source: Blobs, target: Blobs) -> AsyncIterator[str | None]:
    """For each blob of the source, when the target has it: None, or its name if it is damaged and
    the target has not got it. Raises ArchiveUnavailable."""
    for group in range(GROUPS):
        after = b""
        while page := await source.page(group, after=after):
            for spotted in page:
                yield await _carried(source, target, spotted.sha256)
            after = page[-1].sha256


async def _carried(source: Blobs, target: Blobs, sha256: bytes) -> str | None:
    if await target.exists(sha256):
        return None
    try:
        content = await source.get(sha256)
    except Corrupt:
        return sha256.hex()
    await target.put(sha256, content)
    return None
