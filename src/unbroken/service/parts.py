"""What the routes work with, made once at the start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from unbroken.blobs import Blobs
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Env
from unbroken.service.settings import Settings
from unbroken.stores.sqlite import SqliteStore


class Parts(NamedTuple):
    settings: Settings
    env: Env
    store: SqliteStore
    blobs: Blobs


@asynccontextmanager
async def open_parts(settings: Settings, env: Env) -> AsyncIterator[Parts]:
    """Raises SettingsInvalid if the data folder may not be used."""
    blobs = await asyncio.to_thread(ObjectBlobs.in_folder, settings.data / "blobs")
    async with SqliteStore.open(settings.data / "unbroken.sqlite", blobs, env) as store:
        yield Parts(settings, env, store, blobs)


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Given = Annotated[Parts, Depends(parts_of)]
