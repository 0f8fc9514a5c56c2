"""The store in one SQLite file: the default, for one service process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from unbroken.blobs import Blobs
from unbroken.env import Env
from unbroken.stores.sqlite.archive import SqliteArchive
from unbroken.stores.sqlite.conversations import SqliteConversations
from unbroken.stores.sqlite.database import Database
from unbroken.stores.sqlite.files import SqliteFiles
from unbroken.stores.sqlite.ownership import SqliteOwnership
from unbroken.stores.sqlite.reports import SqliteReports
from unbroken.stores.sqlite.requests import SqliteRequests
from unbroken.stores.sqlite.rooms import SqliteRooms
from unbroken.stores.sqlite.sessions import SqliteSessions
from unbroken.stores.sqlite.users import SqliteUsers
from unbroken.stores.sqlite.waiting import SqliteWaiting


class SqliteStore:
    """Use as `async with SqliteStore.open(path, blobs, env) as store`."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self.archive = SqliteArchive(database, blobs, env)
        self.conversations = SqliteConversations(database, blobs)
        self.ownership = SqliteOwnership(database)
        self.sessions = SqliteSessions(database, env)
        self.rooms = SqliteRooms(database, env)
        self.waiting = SqliteWaiting(database)
        self.users = SqliteUsers(database)
        self.files = SqliteFiles(database)
        self.reports = SqliteReports(database)
        self.requests = SqliteRequests(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, blobs: Blobs, env: Env) -> AsyncIterator[Self]:
        """Raises SettingsInvalid if the file may not be used."""
        async with Database.open(path, env) as database:
            yield cls(database, blobs, env)

    async def check(self) -> None:
        """Raises ArchiveUnavailable if the file does not answer, or takes nothing."""
        await self._database.check()
