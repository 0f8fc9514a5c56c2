"""A store over any database: the facets of the port, put together."""

from collections.abc import Callable
from typing import TypeVar

from unbroken.blobs import Blobs
from unbroken.coordination.coordinator import Leases
from unbroken.coordination.port import SharedState
from unbroken.env import Env
from unbroken.store.conversations import StoredConversations
from unbroken.store.files import StoredFiles
from unbroken.store.leases import StoredLeases
from unbroken.store.locks import StoredLocks
from unbroken.store.log import StoredArchive
from unbroken.store.port import (
    Conversations,
    Files,
    GiveWay,
    Locks,
    Reports,
    Requests,
    Rooms,
    Sessions,
    StoreArchive,
    Users,
    Uses,
)
from unbroken.store.reports import StoredReports
from unbroken.store.requests import StoredRequests
from unbroken.store.rooms import StoredRooms
from unbroken.store.sessions import StoredSessions
from unbroken.store.state import StoredState
from unbroken.store.transaction import Database
from unbroken.store.users import StoredUsers
from unbroken.store.uses import StoredUses, UsedBlobs
from unbroken.store.waiting import StoredWaiting
from unbroken.store.watch import StoredWatch
from unbroken.store.watching import WaitingRooms, Watch

T = TypeVar("T")


class Facets:
    """A `Store`. `blobs` keeps what is too large for a row."""

    def __init__(self, database: Database, blobs: Blobs, env: Env) -> None:
        self._database = database
        self.uses: Uses = (uses := StoredUses(database))
        self.blobs: Blobs = (blobs := UsedBlobs(blobs, uses))
        self.archive: StoreArchive = StoredArchive(database, blobs, env)
        self.conversations: Conversations = StoredConversations(database, blobs)
        self.sessions: Sessions = StoredSessions(database, blobs, env)
        self.watch: Watch = StoredWatch(database)
        self.rooms: Rooms = StoredRooms(database, env)
        self.waiting: WaitingRooms = StoredWaiting(database)
        self.users: Users = StoredUsers(database)
        self.files: Files = StoredFiles(database)
        self.reports: Reports = StoredReports(database)
        self.requests: Requests = StoredRequests(database)
        self.locks: Locks = StoredLocks(database)
        self.state: SharedState = StoredState(database)
        self.leases: Leases = StoredLeases(database)

    async def check(self) -> None:
        """Raises ArchiveUnavailable if the database does not answer, or takes nothing."""
        await self._database.check()

    async def aside(self, work: Callable[[GiveWay], T]) -> T:
        """As `Database.aside`."""
        return await self._database.aside(work)
