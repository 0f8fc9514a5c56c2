"""The tables: made, and brought forward by numbered migrations, never back.

Theory of operation. Services of two versions run side by side while they are replaced one by one.
So migrations have two halves, each with a number of its own: what the older ones bear (columns with
a default, tables, indices), and what they do not (what is dropped, or becomes stricter). A service
makes the first half at its start, and refuses tables only if the second one went beyond it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import errors as sql

from unbroken.errors import SettingsInvalid
from unbroken.store.postgres.connecting import VERSION, Connecting, is_pooled
from unbroken.store.postgres.errors import AGAIN, first_line
from unbroken.store.postgres.statements import AFTERWARDS, MIGRATIONS, QUERIES
from unbroken.store.postgres.transaction import Connection
from unbroken.store.records import Migrated

LOCK = 0x756E6272  # of whoever writes, migrations too: they wait for each other
OLDEST = 150_000  # PostgreSQL 15
TRIES = 5  # each leaves the lock to others: 60 s for it, and 15 s for tables that somebody reads
WAIT_S, TABLE_S = 12, 3  # the second one is less than who writes waits for the lock
LOOKS, LOOK_S = 20, 0.1  # who has just left is seen for a moment
(_OTHERS,) = QUERIES["list_other_versions"]
_BEGIN = (
    f"begin; set local lock_timeout = '{WAIT_S}s'; select pg_advisory_xact_lock({LOCK}); "
    f"set local lock_timeout = '{TABLE_S}s'"
)


class Halves(NamedTuple):
    """Migrations in order. A service of the version before bears those that come `before`, and may
    be started on them, too; `after` are made when none of it runs any more. None counts on one of
    the other half but for those `after` on all that come `before` by their number."""

    before: Sequence[Sequence[str]]
    after: Sequence[Sequence[str]]


class _Versions(NamedTuple):
    """How many of each half have been made."""

    before: int
    after: int


OURS = Halves(MIGRATIONS, AFTERWARDS)


def migrate(
    connecting: Connecting, *, is_dry: bool = False, is_last: bool = False, halves: Halves = OURS
) -> Migrated:
    """Make what comes before; with `is_last`, and where there are no tables yet, what comes after
    as well. `is_dry`: only say so. All of it or nothing.

    Raises SettingsInvalid, also where what a newer version does after its services have come was
    made already, and if something of the last half is to be made while a service of another version
    is connected, or behind a pool, where nobody sees it.
    """
    try:
        _check(connecting)
        if is_last:
            _wait_for_others(connecting)
        return _tried(connecting, halves, is_dry=is_dry, is_last=is_last)
    except sql.InsufficientPrivilege as error:
        raise SettingsInvalid(
            f"the database's user may not make its tables: {first_line(error)}"
        ) from error
    except psycopg.Error as error:
        raise SettingsInvalid(f"the database cannot be used: {first_line(error)}") from error
    finally:
        connecting.close()


def _tried(connecting: Connecting, halves: Halves, *, is_dry: bool, is_last: bool) -> Migrated:
    for left in reversed(range(TRIES)):
        try:
            return _migrated(connecting, halves, is_dry=is_dry, is_last=is_last)
        except (sql.LockNotAvailable, *AGAIN):
            if not left:
                raise
            connecting.settle()
    raise AssertionError


def _migrated(connecting: Connecting, halves: Halves, *, is_dry: bool, is_last: bool) -> Migrated:
    connection = connecting.begin(_BEGIN).connection
    found = _versions(connection)
    if found.after > len(halves.after):
        raise SettingsInvalid(
            f"the database was made by a newer version of unbroken (tables {found.before} and "
            f"{found.after}, this one knows {len(halves.before)} and {len(halves.after)})"
        )
    wanted = _Versions(
        max(found.before, len(halves.before)),
        len(halves.after) if is_last or not found.before else found.after,
    )
    if found.before and wanted.after > found.after:
        _check_alone(connection)
    if not is_dry and wanted != found:
        _forward(connection, halves, found, wanted)
        connection.execute("commit")
    return Migrated(
        found.before, wanted.before, wanted.after - found.after, len(halves.after) - wanted.after
    )


def _check(connecting: Connecting) -> None:
    connection = connecting.begin("begin read only").connection
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
    connection.execute("rollback")


def _wait_for_others(connecting: Connecting) -> None:
    """For a moment, and without the lock."""
    for _ in range(LOOKS):
        connection = connecting.begin("begin read only").connection
        rows = connection.execute(_OTHERS, {"version": VERSION}).fetchall()
        connection.execute("rollback")
        if not rows:
            return
        connection.execute(f"select pg_sleep({LOOK_S})")


def _check_alone(connection: Connection) -> None:
    """No service of another version is connected. Who connects now waits for our lock."""
    if is_pooled(connection):
        raise SettingsInvalid(
            "behind a pool nobody sees which services are connected: name the database itself"
        )
    rows = connection.execute(_OTHERS, {"version": VERSION}).fetchall()
    if rows:
        raise SettingsInvalid(
            "a service of another version, or one behind a pool, is connected "
            f"({rows[0]['name']}): stop it first"
        )


def _versions(connection: Connection) -> _Versions:
    found = connection.execute("select to_regclass('schema_version') as place").fetchone()
    if not found or found["place"] is None:
        return _Versions(0, 0)
    row = connection.execute("select to_jsonb(v) as said from schema_version v").fetchone()
    said = row["said"] if row else {}
    return _Versions(said.get("version", 0), said.get("after_version", 0))


def _forward(connection: Connection, halves: Halves, found: _Versions, wanted: _Versions) -> None:
    connection.execute(
        "create table if not exists schema_version (one int primary key check (one = 1), "
        "version int not null)"
    )
    connection.execute(
        "alter table schema_version add column if not exists after_version int not null default 0"
    )
    todo = (*halves.before[found.before :], *halves.after[found.after : wanted.after])
    for migration in todo:
        for statement in migration:
            connection.execute(statement)
    connection.execute(
        "insert into schema_version (one, version, after_version) values (1, %s, %s) on conflict "
        "(one) do update set version = excluded.version, after_version = excluded.after_version",
        list(wanted),
    )
