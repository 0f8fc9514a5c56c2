"""Public: the promises of stores as tests, to be inherited by the tests of another store."""

from unbroken.testing.contracts import ArchiveContract, ConversationsContract

__all__ = ["ArchiveContract", "ConversationsContract"]
