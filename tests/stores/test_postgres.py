"""The PostgreSQL store keeps the promises of every facet, on a real server."""

import pytest

from tests.stores.test_hostile import test_the_side_lane_is_bounded_in_bytes
from unbroken import testing
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store.postgres import PostgresStore
from unbroken.testing.holders import LISTENED_S

__all__ = ["test_the_side_lane_is_bounded_in_bytes"]


@pytest.fixture
async def store(tmp_path, clock, database):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with PostgresStore.open(database, blobs, clock) as store:
        clock.advance(LISTENED_S)
        yield store


class TestPostgresArchive(testing.StoreArchiveContract):
    pass


class TestPostgresConversations(testing.ConversationsContract):
    pass


class TestPostgresSessions(testing.SessionsContract):
    pass


class TestPostgresWatch(testing.WatchContract):
    pass


class TestPostgresRooms(testing.RoomsContract):
    pass


class TestPostgresWaitingRooms(testing.WaitingRoomsContract):
    pass


class TestPostgresUsers(testing.UsersContract):
    pass


class TestPostgresFiles(testing.FilesContract):
    pass


class TestPostgresReports(testing.ReportsContract):
    pass


class TestPostgresLocks(testing.LocksContract):
    pass


class TestPostgresRequests(testing.RequestsContract):
    pass
