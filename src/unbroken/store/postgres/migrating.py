"""The tables: made, and brought forward by numbered migrations, never back."""

import psycopg
from psycopg import errors as sql

from unbroken.errors import SettingsInvalid
from unbroken.store.postgres.connecting import Connecting
from unbroken.store.postgres.errors import first_line
from unbroken.store.postgres.statements import MIGRATIONS
from unbroken.store.postgres.transaction import Connection

LOCK = 0x756E6272  # of whoever writes, migrations too: they wait for each other
OLDEST = 150_000  # PostgreSQL 15
WAIT_S = 60
_BEGIN = f"begin; set local lock_timeout = '{WAIT_S}s'; select pg_advisory_xact_lock({LOCK})"


def migrate(connecting: Connecting, *, is_dry: bool = False) -> tuple[int, int]:
    """The version of the tables before, and the one that they have now; `is_dry`: would have.

    All of it or nothing. Raises SettingsInvalid.
    """
    try:
        return _migrated(connecting, is_dry=is_dry)
    except sql.InsufficientPrivilege as error:
        raise SettingsInvalid(
            f"the database's user may not make its tables: {first_line(error)}"
        ) from error
    except psycopg.Error as error:
        raise SettingsInvalid(f"the database cannot be used: {first_line(error)}") from error
    finally:
        connecting.close()


def _migrated(connecting: Connecting, *, is_dry: bool) -> tuple[int, int]:
    connection = connecting.begin("begin read only").connection
    _check(connection)
    connection.execute("rollback")
    connection = connecting.begin(_BEGIN).connection
    before = _version(connection)
    if before > len(MIGRATIONS):
        raise SettingsInvalid(
            f"the database was made by a newer version of unbroken (tables {before}, this one "
            f"knows {len(MIGRATIONS)})"
        )
    if not is_dry and before < len(MIGRATIONS):
        _forward(connection, before)
        connection.execute("commit")
    return before, len(MIGRATIONS)


def _check(connection: Connection) -> None:
    if connection.info.server_version < OLDEST:
        raise SettingsInvalid("the database is older than PostgreSQL 15")
    row = connection.execute(
        "select pg_is_in_recovery() as is_standby, "
        "current_setting('default_transaction_read_only')::boolean as is_read_only"
    ).fetchone()
    if row and row["is_standby"]:
        raise SettingsInvalid("the database is a standby, which nobody can write to")
    if row and row["is_read_only"]:
        raise SettingsInvalid("the database is read-only (default_transaction_read_only)")


def _version(connection: Connection) -> int:
    found = connection.execute("select to_regclass('schema_version') as place").fetchone()
    if not found or found["place"] is None:
        return 0
    row = connection.execute("select version from schema_version").fetchone()
    return int(row["version"]) if row else 0


def _forward(connection: Connection, before: int) -> None:
    connection.execute(
        "create table if not exists schema_version (one int primary key check (one = 1), "
        "version int not null)"
    )
    for migration in MIGRATIONS[before:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(
        "insert into schema_version values (1, %s) "
        "on conflict (one) do update set version = excluded.version",
        [len(MIGRATIONS)],
    )
