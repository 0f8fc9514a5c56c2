"""The SQLite store keeps the promises of an archive."""

from unbroken.testing.contracts import ArchiveContract


class TestSqliteArchive(ArchiveContract):
    """Fixtures: conftest.py."""
