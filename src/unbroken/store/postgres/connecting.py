"""A connection of one thread: opened when it is needed, and anew when it was lost.

Theory of operation. The rules run in a few threads of our own, each with its connection, so a pool
would only hand to each thread what it has. Nothing is kept in the session between transactions:
a pool like PgBouncer may stand in front and give each transaction another one. So nothing is
prepared, and limits are set in each transaction.
"""

from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, SettingsInvalid
from unbroken.pause import Pause
from unbroken.store.postgres.statements import AFTERWARDS, MIGRATIONS
from unbroken.store.postgres.transaction import Connection
from unbroken.store.transaction import Row

FIRST_S, MOST_S = 0.1, 0.4  # the pauses after attempts that failed
OPTIONS: dict[str, Any] = {  # whatever the URL says wins
    "connect_timeout": 2,
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
OURS = "unbroken"  # how the names of our connections begin, so that a copy sees them
# Which version of the tables it knows: `unbroken migrate --after` looks for others.
VERSION = f"{len(MIGRATIONS)}.{len(AFTERWARDS)}"


class InTransaction(NamedTuple):
    connection: Connection
    row: Row


class Connecting:
    """Of one thread, and no other one. Raises SettingsInvalid for a URL that is none."""

    def __init__(self, url: str, env: Env) -> None:
        try:
            self._options = OPTIONS | _named(psycopg.conninfo.conninfo_to_dict(url))
        except psycopg.ProgrammingError:
            raise bad_url() from None
        self._connection: Connection | None = None
        self._env = env
        self._pause = Pause(env, first_s=FIRST_S, most_s=MOST_S)

    def begin(self, statements: str) -> InTransaction:
        """A connection in which `statements` have begun a transaction, and the first row that the
        last of them gives; one that was lost while nobody used it costs nothing. Raises
        psycopg.Error, ArchiveUnavailable."""
        if self._connection is not None and not self._connection.closed:
            try:
                return _begun(self._connection, statements)
            except psycopg.OperationalError:
                if not self._connection.closed:
                    raise
        return _begun(self._connect(), statements)

    def settle(self) -> None:
        """Nothing of a transaction that has failed is left."""
        connection = self._connection
        if connection is None or connection.closed:
            return
        try:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("rollback")
        except psycopg.Error:
            connection.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Connection:
        if not self._pause.is_over(self._env.boot_us()):
            raise ArchiveUnavailable("the database did not answer a moment ago")
        try:
            self._connection = psycopg.connect(
                **self._options, autocommit=True, prepare_threshold=None, row_factory=dict_row
            )
        except psycopg.Error:
            self._pause.fail()
            raise
        self._pause.clear()
        return self._connection


def _begun(connection: Connection, statements: str) -> InTransaction:
    cursor = connection.execute(statements)
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description else None
    return InTransaction(connection, row or {})


def bad_url() -> SettingsInvalid:
    """What the driver says may hold the password."""
    return SettingsInvalid("the database's URL is none")


def name_of(what: str) -> str:
    """How connections are named, in `pg_stat_activity`; `what`: theirs, beyond the version."""
    return f"{OURS} {VERSION} {what}".rstrip()


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return options | {"application_name": name_of(options.get("application_name", ""))}
