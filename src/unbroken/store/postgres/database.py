"""A PostgreSQL database: one transaction that writes at a time, of all services; others read.

Theory of operation. Every write takes one advisory lock of the database with its `begin`, and has
it until its commit is durable. So a rule meets the rows as the last one left them, never changed
in between, and what holds for the one thread that writes a SQLite file holds here for all
services: of ten who take a session one gets it, and nothing waits in a circle. `append` stores
what a host sends in one such transaction, so the lock is held for a few milliseconds. Reads take
no lock: each sees one snapshot. A service that stops inside of a transaction loses it, and the
lock, after `IDLE_S`.
"""

import asyncio
import hashlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar
from uuid import UUID

import psycopg

from unbroken.archive.port import TIMELINE_MAX, StoreIdentity
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, Corrupt, SettingsInvalid
from unbroken.store.port import GiveWay
from unbroken.store.postgres import indexing, migrating
from unbroken.store.postgres.connecting import Connecting
from unbroken.store.postgres.errors import AGAIN, first_line, ours
from unbroken.store.postgres.listening import WAKE, WakeListener
from unbroken.store.postgres.statements import AFTERWARDS, QUERIES
from unbroken.store.postgres.transaction import PostgresTransaction
from unbroken.store.threads import Threads
from unbroken.store.transaction import UNFINISHED, Row

log = logging.getLogger(__name__)

TRIES = 3  # of a transaction that the database says may be tried again
CHECK_S = 2.0
STATEMENT_S, LOCK_S, IDLE_S = 10, 4, 10
_LIMITS = f"""set local statement_timeout = '{STATEMENT_S}s';
set local lock_timeout = '{LOCK_S}s';
set local idle_in_transaction_session_timeout = '{IDLE_S}s'"""
_READ = f"begin isolation level repeatable read, read only; {_LIMITS}"
(_HISTORY,) = QUERIES["get_history"]
_WRITE = f"begin; {_LIMITS}; select pg_advisory_xact_lock({migrating.LOCK}); {_HISTORY}"
_CLAIM = f"begin; {_LIMITS}; {_HISTORY}"

T = TypeVar("T")


class PostgresDatabase(Threads[PostgresTransaction]):
    """Use as `async with PostgresDatabase.open(url, env) as database`."""

    def __init__(self, url: str, env: Env, *, is_copy: bool = False) -> None:
        super().__init__()
        self._is_copy = is_copy
        self._url = url
        self._env = env
        self._health = ThreadPoolExecutor(1, thread_name_prefix="unbroken-health")
        self._mine = threading.local()
        self._opened: list[Connecting] = []
        self._listening = WakeListener(url, env, self._wake)
        self._offset_us = 0
        self.identity = StoreIdentity("", 0)
        self.own_holder = UUID(int=0)  # who holds what is saved over REST; told to nobody

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, env: Env, *, is_copy: bool = False) -> AsyncIterator[Self]:
        """Make or migrate the tables. `is_copy`: also of one that is a copy and not finished.

        Raises SettingsInvalid if the URL is none, nobody answers, it is a standby, the user may
        not make the tables, or they are of a newer version that this one does not bear. It never
        says a password.
        """
        self = cls(url, env, is_copy=is_copy)
        try:
            await self._begin()
            self._listening.start()
            yield self
        finally:
            await asyncio.to_thread(self._close)

    async def _begin(self) -> None:
        try:
            await self._run(self._writer, self._start)
        except (ArchiveUnavailable, Corrupt) as error:
            raise SettingsInvalid(f"the database cannot be used: {first_line(error)}") from error

    def _start(self) -> None:
        migrating.migrate(Connecting(self._url, self._env))
        before_us = self._env.boot_us()
        (time,) = self._read(lambda tx: tx.all("get_time"))
        self._offset_us = time["now_us"] - (before_us + self._env.boot_us()) // 2
        self._write(lambda tx: tx.all("put_store", system_id=str(self._env.new_id())))
        # Its identity is known from now on.
        (store,) = self._write(lambda tx: tx.all("get_store"))
        if store["is_copying"] and not self._is_copy:
            raise SettingsInvalid(f"the database is {UNFINISHED}")

    async def check(self) -> None:
        """Raises ArchiveUnavailable within `CHECK_S` if nothing can be read or kept now."""
        try:
            async with asyncio.timeout(CHECK_S):
                found = await self._run(self._health, self._read, lambda tx: tx.one("get_health"))
                if self._was_refused:
                    await self.write(lambda tx: tx.all("touch_store"))
        except TimeoutError as error:
            raise ArchiveUnavailable(f"the database did not answer for {CHECK_S} s") from error
        if not found or found["is_standby"]:
            raise ArchiveUnavailable("the database is a standby, and takes nothing")
        if found["is_read_only"]:
            raise ArchiveUnavailable("the database is read-only, and takes nothing")

    async def search(
        self,
        terms: Sequence[str],
        work: Callable[[PostgresTransaction, list[str] | None], T],
    ) -> T:
        """As `read`, with what the index is asked."""
        wanted = indexing.matching(terms)
        return await self.read(lambda tx: work(tx, wanted))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[..., T], *given: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work, *given)
        except psycopg.Error as error:
            if (ours_ := ours(error)) is error:
                raise  # ours to mend, not to try again
            raise ours_ from error

    async def claim(self, work: Callable[[PostgresTransaction], T]) -> T:
        """As `write`, without the lock: `work` takes rows that nobody else has locked."""
        return await self._kept(lambda work_: self._write(work_, begin=_CLAIM), work)

    def _write(self, work: Callable[[PostgresTransaction], T], *, begin: str = _WRITE) -> T:
        for left in reversed(range(TRIES)):
            try:
                return self._written(work, begin)
            except AGAIN:
                if not left:
                    raise
        raise AssertionError

    def _written(self, work: Callable[[PostgresTransaction], T], begin: str) -> T:
        connecting = self._connecting()
        try:
            connection, history = connecting.begin(begin)
            self._recognise(history)
            tx = PostgresTransaction(connection, self._now_us(), self.identity)
            done = work(tx)
            tx.index()
            if tx.is_waking:
                connection.execute(WAKE)
            if connection.execute("commit").statusmessage != "COMMIT":
                raise ArchiveUnavailable("the database did not commit")
        finally:
            connecting.settle()
        return done

    def _read(self, work: Callable[[PostgresTransaction], T], give_way: GiveWay | None = None) -> T:
        connecting = self._connecting()
        try:
            connection, _ = connecting.begin(_READ)
            now_us = self._now_us()
            return work(PostgresTransaction(connection, now_us, self.identity, give_way))
        finally:
            connecting.settle()

    def _recognise(self, history: Row) -> None:
        """Which store this transaction adds to: behind the same URL there may be another one, or
        tables that went beyond us while we were not connected."""
        if (history["after_version"] or 0) > len(AFTERWARDS):
            raise ArchiveUnavailable("the tables are those of a newer version of unbroken")
        if history["system_id"] is None:
            if self.identity.system_id:
                raise ArchiveUnavailable("the database is another one, with nothing in it")
            return
        identity = StoreIdentity(history["system_id"], _timeline(history))
        if self.identity.system_id and identity != self.identity and not self._is_copy:
            log.warning("the database has started anew, or is another one: %s", identity)
        self.identity, self.own_holder = identity, history["own_holder"]

    def _now_us(self) -> int:
        """The database's time at our opening, and what has gone by since: the same in all services,
        however their wall clocks are set."""
        return self._env.boot_us() + self._offset_us

    def _connecting(self) -> Connecting:
        found: Connecting | None = getattr(self._mine, "connecting", None)
        if found is None:
            found = self._mine.connecting = Connecting(self._url, self._env)
            self._opened.append(found)
        return found

    def _close(self) -> None:
        self._listening.end()
        self._end_threads()
        self._health.shutdown()
        for connecting in self._opened:
            connecting.close()


def _timeline(history: Row) -> int:
    """The same in all services, and another one behind each start of the server."""
    about = f"{history['started_at']} {history['database_id']} {history['table_id']}"
    return int.from_bytes(hashlib.sha256(about.encode()).digest()[:8]) & TIMELINE_MAX
