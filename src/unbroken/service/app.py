"""The composition root of the HTTP service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from unbroken.env import Env, Host
from unbroken.service import (
    analytics,
    blobs,
    conversations,
    errors,
    files,
    health,
    journal,
    pages,
    rooms,
    sessions,
    system,
    users,
)
from unbroken.service.auth import Gate
from unbroken.service.parts import open_parts
from unbroken.service.settings import Settings

NOUNS = (
    *(health, system, rooms, conversations, sessions, journal, blobs, files, users, analytics),
    pages,  # the last: it answers every path
)


def create_app(settings: Settings, *, env: Env | None = None) -> FastAPI:
    """The service as an ASGI app; its lifespan opens the store and closes it."""
    world = env or Host()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings, world) as parts:
            app.state.parts = parts
            yield

    app = FastAPI(title="unbroken", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    errors.install(app)
    app.add_middleware(Gate, settings=settings)
    for noun in NOUNS:
        app.include_router(noun.router)
    return app
