"""The store in PostgreSQL 15 or later: for several services, and for data that outlives a host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from unbroken.blobs import Blobs
from unbroken.env import Env
from unbroken.store.facets import Facets
from unbroken.store.postgres import migrating
from unbroken.store.postgres.connecting import Connecting
from unbroken.store.postgres.copying import open_source, open_target
from unbroken.store.postgres.database import PostgresDatabase
from unbroken.store.records import Migrated

__all__ = ["PostgresStore", "migrate", "open_source", "open_target"]


class PostgresStore(Facets):
    """Use as `async with PostgresStore.open(url, blobs, env) as store`."""

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, blobs: Blobs, env: Env) -> AsyncIterator[Self]:
        """Raises SettingsInvalid if the database may not be used."""
        async with PostgresDatabase.open(url, env) as database:
            yield cls(database, blobs, env)


def migrate(url: str, env: Env, *, is_dry: bool, is_last: bool) -> Migrated:
    """As `migrating.migrate`; blocks. Raises SettingsInvalid."""
    return migrating.migrate(Connecting(url, env), is_dry=is_dry, is_last=is_last)
