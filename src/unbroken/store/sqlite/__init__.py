"""The store in one SQLite file: the default, for one service process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from unbroken.blobs import Blobs
from unbroken.env import Env
from unbroken.store.facets import Facets
from unbroken.store.sqlite.copying import open_source, open_target
from unbroken.store.sqlite.database import SqliteDatabase, versions

__all__ = ["SqliteStore", "open_source", "open_target", "versions"]


class SqliteStore(Facets):
    """Use as `async with SqliteStore.open(path, blobs, env) as store`."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, blobs: Blobs, env: Env) -> AsyncIterator[Self]:
        """Raises SettingsInvalid if the file may not be used."""
        async with SqliteDatabase.open(path, env) as database:
            yield cls(database, blobs, env)

    @classmethod
    @asynccontextmanager
    async def read(cls, path: Path, blobs: Blobs, env: Env) -> AsyncIterator[Self]:
        """As it is, to read only, also while a service writes it. Raises SettingsInvalid."""
        async with SqliteDatabase.reading(path, env) as database:
            yield cls(database, blobs, env)
