"""The promises of an archive and of conversations, as tests.

Subclass a contract, give it an `archive` (and `conversations`) fixture and the `clock` by which
the store measures leases, and pytest does the rest:

    class TestMyArchive(ArchiveContract):
        @pytest.fixture
        async def archive(self, clock: Clock):
            async with MyStore.open(..., env=clock) as store:
                clock.advance(LISTENED_S)
                yield store.archive
"""

from unbroken.testing.appending import AppendContract
from unbroken.testing.reading import ConversationsContract
from unbroken.testing.taking import TakeContract

__all__ = ["ArchiveContract", "ConversationsContract"]


class ArchiveContract(TakeContract, AppendContract):
    """Who owns a session, and what is in its log."""
