"""The composition root of the HTTP service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI

from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.env import Env, Host
from unbroken.service import contract, errors, pages
from unbroken.service.api import (
    analytics,
    blobs,
    conversations,
    files,
    health,
    journal,
    leases,
    limits,
    rooms,
    sessions,
    state,
    system,
    users,
)
from unbroken.service.auth import Gate
from unbroken.service.collecting import Collector
from unbroken.service.compressed import Compressed
from unbroken.service.conditional import Conditional
from unbroken.service.counting import open_windows
from unbroken.service.filters import refuse_unknown
from unbroken.service.first_agent import FirstAgent
from unbroken.service.heads import Heads
from unbroken.service.idempotency import Idempotency
from unbroken.service.livekit_rooms import LiveKitRooms
from unbroken.service.locks import OneAtATime
from unbroken.service.methods import Methods
from unbroken.service.opening import Opening
from unbroken.service.parts import ServiceParts
from unbroken.service.raw_paths import RawPaths
from unbroken.service.reading import Reads
from unbroken.service.settings import Settings
from unbroken.service.steadiness import Steadiness
from unbroken.service.storing import open_store
from unbroken.service.verification import sample
from unbroken.service.watch.loop import WatchLoop

log = structlog.get_logger()

NOUNS = (
    health,
    system,
    rooms,
    conversations,
    sessions,
    journal,
    blobs,
    files,
    users,
    state,
    leases,
    limits,
    analytics,
)


def create_app(settings: Settings, *, env: Env | None = None) -> FastAPI:
    """The service as an ASGI app; its lifespan opens the store and closes it."""
    world = env or Host()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _open(settings, world) as parts:
            app.state.parts = parts
            yield

    app = FastAPI(title="unbroken", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    errors.install(app)
    contract.install(app, settings)
    app.add_middleware(RawPaths)
    app.add_middleware(Idempotency)
    app.add_middleware(Conditional)
    app.add_middleware(Compressed)
    app.add_middleware(Reads)
    app.add_middleware(Methods, routes=[r for noun in NOUNS for r in noun.router.routes])
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(Heads)  # the last one added is the first one asked
    for noun in NOUNS:
        app.include_router(noun.router, dependencies=[Depends(refuse_unknown)])
    app.include_router(pages.router)  # the last: it answers every path
    return app


@asynccontextmanager
async def _open(settings: Settings, env: Env) -> AsyncIterator[ServiceParts]:
    """Raises SettingsInvalid if the data folder may not be used."""
    async with (
        open_store(settings, env) as store,
        open_windows(settings, store, env) as windows,
        LiveKitRooms.open(settings) as livekit,
    ):
        await sample(store)
        first = FirstAgent(
            store.waiting,
            livekit,
            env,
            name=settings.agent_name,
            retry_s=settings.dispatch_retry_s,
        )
        one_at_a_time = OneAtATime(store.locks, env)
        limits = settings.call_limits
        opening = Opening(store.rooms, livekit, env, first, one_at_a_time, limits=limits)
        state, waited = WatchedState(store.state), WaitedLeases(store.leases, windows)
        parts = ServiceParts(
            settings,
            env,
            store,
            store.blobs,
            livekit,
            opening,
            one_at_a_time,
            Steadiness(env),
            state,
            waited,
        )
        tasks = [
            asyncio.create_task(WatchLoop(parts).run(), name="watch"),
            asyncio.create_task(Collector(parts).run(), name="collector"),
            asyncio.create_task(state.feeds.look(), name="state"),
            asyncio.create_task(waited.look(), name="leases"),
        ]
        for task in tasks:
            task.add_done_callback(_tell)
        try:
            yield parts
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _tell(task: asyncio.Task[None]) -> None:
    """At once, not when the task is forgotten: nobody awaits it before the end."""
    if not task.cancelled() and (error := task.exception()):
        log.error("task failed", task=task.get_name(), error=type(error).__name__, exc_info=error)
