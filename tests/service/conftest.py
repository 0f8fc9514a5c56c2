"""The service in this process, and an HTTP client that needs no port."""

from contextlib import asynccontextmanager

import httpx
import pytest

from tests.service.livekit_stand_in import Rooms
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.service.app import create_app
from unbroken.service.first_agent import FirstAgent
from unbroken.service.locks import OneAtATime
from unbroken.service.opening import Opening
from unbroken.service.parts import ServiceParts
from unbroken.service.settings import Settings
from unbroken.service.steadiness import Steadiness
from unbroken.service.watch.loop import WatchLoop
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import LISTENED_S, Clock

BASE = "http://localhost:8000"
NOBODY = "ws://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path, livekit_url=NOBODY, livekit_api_secret="s" * 32)


@asynccontextmanager
async def opened(settings, clock=None):
    """A client of a service of its own."""
    app = create_app(settings, env=clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            client.parts = app.state.parts
            yield client


@pytest.fixture
async def client(settings, clock):
    async with opened(settings, clock) as client:
        clock.advance(LISTENED_S)
        yield client


@pytest.fixture
def archive(client):
    """The store behind the service, for tests of what the service shows of it."""
    return client.parts.store.archive


# The watch with a LiveKit that the test makes up.


@pytest.fixture
def blobs(tmp_path):
    return ObjectBlobs.in_folder(tmp_path / "blobs")


@pytest.fixture
def steadiness(clock) -> Steadiness:
    """Since before the store is opened."""
    return Steadiness(clock)


@pytest.fixture
async def store(tmp_path, blobs, clock, steadiness):
    async with SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, clock) as store:
        clock.advance(LISTENED_S)
        yield store


@pytest.fixture
def rooms(clock) -> Rooms:
    return Rooms(clock)


@pytest.fixture
def parts(settings, clock, store, rooms, steadiness):
    first = FirstAgent(store.waiting, rooms, clock, name="concierge", retry_s=1)
    one_at_a_time = OneAtATime(store.locks, clock)
    limits = settings.call_limits
    opening = Opening(store.rooms, rooms, clock, first, one_at_a_time, limits=limits)
    shared = (WatchedState(store.state), WaitedLeases(store.leases))
    rest = (opening, one_at_a_time, steadiness, *shared)
    return ServiceParts(settings, clock, store, store.blobs, rooms, *rest)


@pytest.fixture
def watch(parts):
    return WatchLoop(parts)
