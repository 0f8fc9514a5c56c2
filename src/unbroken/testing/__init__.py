"""Public: the promises of stores as tests, to be inherited by the tests of another store."""

from unbroken.testing.contracts import (
    ArchiveContract,
    ConversationsContract,
    FilesContract,
    ReportsContract,
    RequestsContract,
    RoomsContract,
    SessionsContract,
    StoreArchiveContract,
    TurnsContract,
    UsersContract,
    WaitingRoomsContract,
    WatchContract,
)

__all__ = [
    "ArchiveContract",
    "ConversationsContract",
    "FilesContract",
    "ReportsContract",
    "RequestsContract",
    "RoomsContract",
    "SessionsContract",
    "StoreArchiveContract",
    "TurnsContract",
    "UsersContract",
    "WaitingRoomsContract",
    "WatchContract",
]
