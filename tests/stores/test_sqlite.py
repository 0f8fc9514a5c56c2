"""The SQLite store keeps the promises of every facet. Fixtures: conftest.py."""

from unbroken import testing


class TestSqliteArchive(testing.StoreArchiveContract):
    pass


class TestSqliteConversations(testing.ConversationsContract):
    pass


class TestSqliteSessions(testing.SessionsContract):
    pass


class TestSqliteWatch(testing.WatchContract):
    pass


class TestSqliteRooms(testing.RoomsContract):
    pass


class TestSqliteWaitingRooms(testing.WaitingRoomsContract):
    pass


class TestSqliteUsers(testing.UsersContract):
    pass


class TestSqliteFiles(testing.FilesContract):
    pass


class TestSqliteReports(testing.ReportsContract):
    pass


class TestSqliteLocks(testing.LocksContract):
    pass


class TestSqliteRequests(testing.RequestsContract):
    pass
