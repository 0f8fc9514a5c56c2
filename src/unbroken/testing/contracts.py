"""The promises of a store as tests, a contract for each facet of its port.

Subclass the contracts, give them a `store` with its `archive` and `conversations`, and the `clock`
by which it measures leases; pytest does the rest:

    class TestMyRooms(RoomsContract):
        @pytest.fixture
        async def store(self, clock: Clock):
            async with my_store(..., env=clock) as store:
                clock.advance(LISTENED_S)
                yield store

        @pytest.fixture
        def archive(self, store):
            return Heard(store.archive)

`Heard` is from `unbroken.testing.holders`. `ArchiveContract` needs no `store`: an archive behind a
wire keeps it, too. `BlobsContract` needs `blobs` and what changes them `behind` our back.
"""

from unbroken.testing.admission import AdmissionContract
from unbroken.testing.appending import AppendContract
from unbroken.testing.beside import BesideContract
from unbroken.testing.blobs import BlobsContract
from unbroken.testing.kept import (
    FilesContract,
    LocksContract,
    ReportsContract,
    RequestsContract,
    UsersContract,
)
from unbroken.testing.leases import LeasesContract, StoredLeasesContract, WindowsContract
from unbroken.testing.missing import MissingContract
from unbroken.testing.parts import PartsContract
from unbroken.testing.reading import ConversationsContract
from unbroken.testing.rooms import RoomsContract, WaitingRoomsContract
from unbroken.testing.sessions import SessionsContract
from unbroken.testing.state import StateContract
from unbroken.testing.taking import TakeContract
from unbroken.testing.turns import TurnsContract
from unbroken.testing.uses import UsesContract
from unbroken.testing.watching import WatchContract

__all__ = [
    "AdmissionContract",
    "ArchiveContract",
    "BlobsContract",
    "ConversationsContract",
    "FilesContract",
    "LeasesContract",
    "LocksContract",
    "ReportsContract",
    "RequestsContract",
    "RoomsContract",
    "SessionsContract",
    "StateContract",
    "StoreArchiveContract",
    "StoredLeasesContract",
    "UsersContract",
    "UsesContract",
    "WaitingRoomsContract",
    "WatchContract",
    "WindowsContract",
]


class ArchiveContract(TakeContract, MissingContract, PartsContract, AppendContract):
    """Who owns a session, and what is in its log."""


class StoreArchiveContract(ArchiveContract, BesideContract, TurnsContract):
    """As it is kept, and shown."""
