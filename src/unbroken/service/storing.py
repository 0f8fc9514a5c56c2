"""Which database and which blobs the settings name."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from unbroken.blobs import Blobs
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Env
from unbroken.errors import SettingsInvalid
from unbroken.service.settings import NO_POSTGRES, POSTGRES, Settings
from unbroken.store import sqlite
from unbroken.store.copying import Copy, Side, Tell
from unbroken.store.port import Store
from unbroken.store.records import Migrated
from unbroken.store.sqlite import SqliteStore, versions

FILE = "unbroken.sqlite"


async def open_blobs(settings: Settings) -> ObjectBlobs:
    """Made, or asked whether they answer. Raises SettingsInvalid."""
    if settings.blobs is not None:
        return await ObjectBlobs.at(settings.blobs, os.environ)
    return await asyncio.to_thread(ObjectBlobs.in_folder, settings.data / "blobs")


@asynccontextmanager
async def open_store(settings: Settings, env: Env) -> AsyncIterator[Store]:
    """Made or migrated, if need be. Raises SettingsInvalid if they may not be used."""
    blobs = await open_blobs(settings)
    opening: AbstractAsyncContextManager[Store] = SqliteStore.open(settings.data / FILE, blobs, env)
    if settings.database is not None:
        opening = _postgres(settings.database.get_secret_value(), blobs, env)
    async with opening as store:
        yield store


@asynccontextmanager
async def read_store(settings: Settings, env: Env) -> AsyncIterator[Store]:
    """As it is, to read only, also while a service writes it; a PostgreSQL as a service opens it.
    Raises SettingsInvalid."""
    if settings.database is not None:
        async with open_store(settings, env) as store:
            yield store
        return
    blobs = await open_blobs(settings)
    async with SqliteStore.read(settings.data / FILE, blobs, env) as store:
        yield store


async def migrate(settings: Settings, env: Env, *, is_dry: bool, is_last: bool) -> Migrated:
    """Bring the tables to this version; `is_dry`: only say so. Services of the version before may
    go on, and with `is_last` none of them may be there: then what they do not bear is done, too.
    A file, which one service has, has nothing of that. All of it or nothing. Raises
    SettingsInvalid."""
    if settings.database is not None:
        url = settings.database.get_secret_value()
        return await _migrate_postgres(url, env, is_dry=is_dry, is_last=is_last)
    path = settings.data / FILE
    before, now = await asyncio.to_thread(versions, path)
    if not is_dry and before < now:
        async with open_store(settings, env):
            pass
    return Migrated(before, now)


async def _migrate_postgres(url: str, env: Env, *, is_dry: bool, is_last: bool) -> Migrated:
    with _needing_extra():
        from unbroken.store.postgres import migrate  # noqa: PLC0415  its driver is an extra
    return await asyncio.to_thread(lambda: migrate(url, env, is_dry=is_dry, is_last=is_last))


def _postgres(url: str, blobs: Blobs, env: Env) -> AbstractAsyncContextManager[Store]:
    with _needing_extra():
        from unbroken.store.postgres import PostgresStore  # noqa: PLC0415  its driver is an extra
    return PostgresStore.open(url, blobs, env)


@asynccontextmanager
async def open_copy(source: str, target: str, env: Env, tell: Tell) -> AsyncIterator[Copy]:
    """A copy of what is in `source` in `target`; each is a URL of PostgreSQL, or a data folder.
    Raises SettingsInvalid if one is neither, of another version, or in use."""
    opening = _open_side(source, env, is_source=True), _open_side(target, env, is_source=False)
    async with opening[0] as of, opening[1] as to:
        yield Copy(of, to, tell)


def _open_side(place: str, env: Env, *, is_source: bool) -> AbstractAsyncContextManager[Side]:
    if place.startswith(POSTGRES):
        with _needing_extra():
            from unbroken.store import postgres  # noqa: PLC0415  its driver is an extra
        return (postgres.open_source if is_source else postgres.open_target)(place, env)
    if "://" in place:
        raise SettingsInvalid(NO_POSTGRES)
    return (sqlite.open_source if is_source else sqlite.open_target)(Path(place) / FILE, env)


@contextmanager
def _needing_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        need = "PostgreSQL needs an extra: pip install 'unbroken[postgres]'"
        raise SettingsInvalid(need) from error
