"""What the routes work with, made once at the start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple

import structlog
from fastapi import Depends, Request

from unbroken.blobs import Blobs
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Env
from unbroken.service.livekit_rooms import LiveKitRooms
from unbroken.service.opening import Opening
from unbroken.service.settings import Settings
from unbroken.service.watch import Watch
from unbroken.stores.sqlite import SqliteStore

log = structlog.get_logger()


class Parts(NamedTuple):
    settings: Settings
    env: Env
    store: SqliteStore
    blobs: Blobs
    livekit: LiveKitRooms
    opening: Opening
    watch: Watch


@asynccontextmanager
async def open_parts(settings: Settings, env: Env) -> AsyncIterator[Parts]:
    """Raises SettingsInvalid if the data folder may not be used."""
    blobs = await asyncio.to_thread(ObjectBlobs.in_folder, settings.data / "blobs")
    path = settings.data / "unbroken.sqlite"
    async with (
        SqliteStore.open(path, blobs, env) as store,
        LiveKitRooms.open(settings) as livekit,
    ):
        opening = Opening(store.rooms, livekit, env)
        watch = Watch(store, livekit, opening, settings, env)
        task = asyncio.create_task(watch.run(), name="watch")
        task.add_done_callback(_tell)
        try:
            yield Parts(settings, env, store, blobs, livekit, opening, watch)
        finally:
            task.cancel()
            await asyncio.wait([task])


def _tell(watch: asyncio.Task[None]) -> None:
    """At once, not when the task is forgotten: nobody awaits it before the end."""
    if not watch.cancelled() and (error := watch.exception()):
        log.error("watch failed", error=type(error).__name__, exc_info=error)


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Given = Annotated[Parts, Depends(parts_of)]
