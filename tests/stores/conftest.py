"""A store in a folder of its own, with a clock that can be put forward."""

import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store.postgres import PostgresStore
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import LISTENED_S, Clock, Heard


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path, clock):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, clock) as store:
        clock.advance(LISTENED_S)
        yield store


@pytest.fixture
async def postgres_store(tmp_path, clock, database):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with PostgresStore.open(database, blobs, clock) as store:
        clock.advance(LISTENED_S)
        yield store


@pytest.fixture
def archive(store):
    return Heard(store.archive)


@pytest.fixture
def conversations(store):
    return store.conversations
