"""The SQLite store keeps the promises of an archive and of conversations."""

from unbroken.testing.contracts import ArchiveContract, ConversationsContract


class TestSqliteArchive(ArchiveContract):
    """Fixtures: conftest.py."""


class TestSqliteConversations(ConversationsContract):
    """Fixtures: conftest.py."""
