"""The PostgreSQL store keeps the promises of every facet, on a real server."""

import pytest

from tests.stores.test_hostile import test_the_side_lane_is_bounded_in_bytes
from unbroken import testing

__all__ = ["test_the_side_lane_is_bounded_in_bytes"]


@pytest.fixture
def store(postgres_store):
    return postgres_store


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
