"""A connection of one thread: opened when it is needed, and anew when it was lost.

Theory of operation. The rules run in a few threads of our own, each with its connection, so a pool
would only hand to each thread what it has. Nothing is kept in the session between transactions:
a pool like PgBouncer may stand in front and give each transaction another one. So nothing is
prepared, and limits are set in each transaction. A connection's name says which version of the
tables it knows, and whether a pool stands in front: `unbroken migrate --after` looks for others.
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
VERSION = f"{len(MIGRATIONS)}.{len(AFTERWARDS)}"
POOLED = f"{VERSION}+pool"  # until it is known to be none: no other name is seen behind a pool
_NAME = "select set_config('application_name', %s, false) where pg_backend_pid() = %s"


class InTransaction(NamedTuple):
    connection: Connection
    row: Row


class Connecting:
    """Of one thread, and no other one. Raises SettingsInvalid for a URL that is none."""

    def __init__(self, url: str, env: Env) -> None:
        try:
            self._options = OPTIONS | psycopg.conninfo.conninfo_to_dict(url)
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
        options = self._options | {"application_name": self._name(POOLED)}
        try:
            connection = self._connection = psycopg.connect(
                **options, autocommit=True, prepare_threshold=None, row_factory=dict_row
            )
            connection.execute(_NAME, [self._name(VERSION), connection.info.backend_pid])
        except psycopg.Error:
            self.close()
            self._pause.fail()
            raise
        self._pause.clear()
        return connection

    def _name(self, version: str) -> str:
        return f"{OURS} {version} {self._options.get('application_name', '')}".rstrip()


def _begun(connection: Connection, statements: str) -> InTransaction:
    cursor = connection.execute(statements)
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description else None
    return InTransaction(connection, row or {})


def bad_url() -> SettingsInvalid:
    """What the driver says may hold the password."""
    return SettingsInvalid("the database's URL is none")


def is_pooled(connection: Connection) -> bool:
    """Whether it is a pool that answers: the process that works for us is not the one that it has
    named."""
    row = connection.execute("select pg_backend_pid() as pid").fetchone()
    return row is None or row["pid"] != connection.info.backend_pid
