"""Public: the promises of stores as tests, to be inherited by the tests of another store."""

from unbroken.testing.contracts import (
    ArchiveContract,
    ConversationsContract,
    FilesContract,
    LocksContract,
    ReportsContract,
    RequestsContract,
    RoomsContract,
    SessionsContract,
    StoreArchiveContract,
    UsersContract,
    WaitingRoomsContract,
    WatchContract,
)

__all__ = [
    "ArchiveContract",
    "ConversationsContract",
    "FilesContract",
    "LocksContract",
    "ReportsContract",
    "RequestsContract",
    "RoomsContract",
    "SessionsContract",
    "StoreArchiveContract",
    "UsersContract",
    "WaitingRoomsContract",
    "WatchContract",
]
