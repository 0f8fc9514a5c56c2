"""The SQLite file: one thread that writes, others that read, and nobody else who writes.

Theory of operation. All writes run in one thread on one connection, each a `begin immediate`
transaction, so no statement waits for a lock of ours and nothing is read again after a wait.
Reads run beside them in threads of their own on read-only connections (WAL), so a long list
never delays an append. A caller that is cancelled does not stop its transaction: it commits, and
the caller knows nothing, as after any lost answer.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

from unbroken.env import NETWORK_FILE_SYSTEMS, Env, file_system
from unbroken.errors import ArchiveUnavailable, Corrupt, SettingsInvalid
from unbroken.store import queries
from unbroken.store.sqlite import indexing
from unbroken.store.sqlite.clock import STEP_US, StoreClock
from unbroken.store.sqlite.shapes import Shapes
from unbroken.store.sqlite.transaction import QUERIES, SqliteTransaction, is_of_values
from unbroken.store.sums import row_sum

log = logging.getLogger(__name__)

MIGRATIONS = queries.migrations("sqlite", sqlite3.complete_statement)
BUSY_TIMEOUT_S = 5.0
READERS = 2
STATEMENTS_MAX = 512  # prepared and kept, for each connection: more than there are
AHEAD_US_MAX = 60_000_000  # the longest lease; no dispatch is put off for longer
FREE_BYTES_MIN = 4 << 20  # below it a batch might not be kept
# SQLITE_ERROR: a statement of ours does not fit the tables, or a value is not what was stored.
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

T = TypeVar("T")


class SqliteDatabase:
    """Use as `async with SqliteDatabase.open(path, env) as database`."""

    def __init__(self, path: Path, env: Env) -> None:
        self._path = path
        self._env = env
        self._clock = StoreClock(env)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="unbroken-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="unbroken-read")
        self._urgent = ThreadPoolExecutor(1, thread_name_prefix="unbroken-agents")
        self._reading = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._shapes = Shapes()
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._was_refused = False  # the last write, by the file or its disk
        self.system_id = ""
        self.own_holder = UUID(int=0)  # who holds what is saved over REST; told to nobody

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, env: Env) -> AsyncIterator[Self]:
        """Make or migrate the file.

        Raises SettingsInvalid if it lies on a network file system, another process writes it,
        a newer version made it, or it is no database.
        """
        self = cls(path, env)
        with _only_writer(path):
            try:
                await self._begin()
                yield self
            finally:
                await asyncio.to_thread(self._close)

    async def _begin(self) -> None:
        try:
            await self._run(self._writer, self._start)
        except (ArchiveUnavailable, Corrupt, sqlite3.Error) as error:
            raise SettingsInvalid(
                f"{self._path} cannot be used: {error}; put a copy of it in its place, or set "
                "UNBROKEN_DATA to another folder"
            ) from error

    async def wait(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        self._woken.clear()

    async def check(self) -> None:
        """Raises ArchiveUnavailable if nothing can be read or kept now, Corrupt."""
        await self.read(lambda tx: tx.one("get_store"))
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < FREE_BYTES_MIN:
            raise ArchiveUnavailable(f"the disk of {self._path.parent} is full")
        if self._was_refused:
            await self.write(lambda tx: tx.all("touch_store"))

    async def write(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Run `work` in one transaction; on return it is on disk. Raises ArchiveUnavailable,
        Corrupt."""
        try:
            done: T = await self._run(self._writer, self._write, work)
        except (ArchiveUnavailable, Corrupt):
            self._was_refused = True
            raise
        self._was_refused = False
        return done

    async def read(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Run `work` on one snapshot of the file. Raises ArchiveUnavailable, Corrupt."""
        return await self._run(self._readers, self._read, work)

    async def read_at_once(self, work: Callable[[SqliteTransaction], T]) -> T:
        """As `read`, for agents: never behind what people read."""
        return await self._run(self._urgent, self._read, work)

    async def search(
        self, terms: Sequence[str], work: Callable[[SqliteTransaction, str | None], T]
    ) -> T:
        """As `read`; the index is made anew if it cannot be asked for `terms`."""
        wanted = indexing.matching(terms)
        try:
            return await self.read(lambda tx: work(tx, wanted))
        except Corrupt:
            if wanted is None or not await self._mend_index(wanted):
                raise
        return await self.read(lambda tx: work(tx, wanted))

    async def _mend_index(self, terms: str) -> bool:
        """Whether it was the index that could not be asked for these; then it is made anew."""
        try:
            await self.read(lambda tx: tx.all("ask_index", terms=terms))
        except Corrupt:
            await self.write(_index_anew)
            return True
        return False

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[..., T], *given: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work, *given)
        except sqlite3.IntegrityError as error:  # our statements keep to the constraints
            raise Corrupt(f"the database is damaged: {error}") from error
        except sqlite3.Error as error:
            if is_of_values(error):
                raise  # ours to mend, not to try again
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
                raise Corrupt(f"the database is damaged: {error}") from error
            raise ArchiveUnavailable(f"the database did not answer: {error}") from error
        except UnicodeDecodeError as error:  # in what SQLite says is wrong
            raise Corrupt("the database is damaged: its tables have other names") from error

    def _start(self) -> None:
        connection = self._connect("rwc")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma temp_store = memory")
        connection.create_aggregate("chain", 2, _Chain)  # type: ignore[arg-type]  # typed for int
        self._writing = connection
        for query in ("stage", "stage_index"):
            for statement in QUERIES[query]:
                connection.execute(statement)
        self._write(self._migrate)
        self._write(lambda tx: tx.all("keep_index"))
        self._shapes = Shapes(self._write(lambda tx: tx.all("list_columns")))
        self._write(lambda tx: tx.all("views"))
        self._write(lambda tx: tx.all("put_store", system_id=str(self._env.new_id())))
        self._write(lambda tx: tx.all("bound_times", most=AHEAD_US_MAX))
        (store,) = self._write(lambda tx: tx.all("get_store"))
        self.system_id, self.own_holder = store["system_id"], store["own_holder"]

    def _migrate(self, _tx: SqliteTransaction) -> None:
        version = self._writing.execute("pragma user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise SettingsInvalid(
                f"{self._path} was made by a newer version of unbroken (tables {version}, "
                f"this one knows {len(MIGRATIONS)})"
            )
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                self._writing.execute(statement)
        self._writing.execute(f"pragma user_version = {len(MIGRATIONS)}")

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{_quoted(self._path)}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_S,
            cached_statements=STATEMENTS_MAX,
            check_same_thread=False,  # closed from another thread, when its own has ended
        )
        connection.row_factory = sqlite3.Row
        connection.text_factory = _text
        for name, count, function in (("sha256", 1, _sha256), ("whole", 2, _whole)):
            connection.create_function(name, count, function, deterministic=True)
        connection.create_function("id_of", 1, bytes.fromhex, deterministic=True)
        connection.create_function("row_sum", -1, row_sum, deterministic=True)
        connection.create_function("indexed", 1, indexing.indexed, deterministic=True)
        connection.create_function("caller", 3, indexing.caller, deterministic=True)
        self._open.append(connection)
        return connection

    def _write(self, work: Callable[[SqliteTransaction], T]) -> T:
        try:
            return self._written(work)
        except sqlite3.DatabaseError as error:
            if not _is_of_index(error):
                raise
        self._written(_index_anew)  # only what is searched: nobody loses a line for that
        return self._written(work)

    def _written(self, work: Callable[[SqliteTransaction], T]) -> T:
        connection = self._writing
        ahead_us = self._clock.ahead_us()
        connection.execute("begin immediate")
        try:
            tx = SqliteTransaction(connection, self._clock.now_us() + ahead_us, self._shapes)
            if abs(ahead_us) > STEP_US:
                tx.all("shift_times", step=ahead_us)
            done = work(tx)
            if tx.one("is_unindexed"):
                tx.all("index_changes")
            connection.execute("commit")
            self._clock.follow(ahead_us)
            if tx.is_waking:
                self._loop.call_soon_threadsafe(self._woken.set)
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return done

    def _read(self, work: Callable[[SqliteTransaction], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._reading, "connection", None)
        if connection is None:
            connection = self._reading.connection = self._connect("ro")
            for view in QUERIES["views"]:
                connection.execute(view)
        connection.execute("begin")
        try:
            return work(SqliteTransaction(connection, self._clock.now_us(), self._shapes))
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def _close(self) -> None:
        # Readers first: the last connection to close empties the WAL into the file.
        self._readers.shutdown()
        self._urgent.shutdown()
        self._writer.shutdown()
        for connection in reversed(self._open):
            connection.close()


def _index_anew(tx: SqliteTransaction) -> None:
    log.warning("the search index is damaged, and made anew")
    tx.all("index_anew")


def _is_of_index(error: sqlite3.DatabaseError) -> bool:
    """What is searched is damaged, which is made of what is not."""
    is_index = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CORRUPT_VTAB
    return is_index or "constructor failed: search" in str(error)


class _Chain:
    """chain(start, hash): sha256(start || hash) over the rows, in the order they come."""

    def __init__(self) -> None:
        self._value: bytes | None = None

    def step(self, start: bytes | None, sha256: bytes) -> None:
        before = (start or b"") if self._value is None else self._value
        self._value = hashlib.sha256(before + sha256).digest()

    def finalize(self) -> bytes | None:
        return self._value


class _only_writer:  # noqa: N801 - reads as a statement
    """Hold the lock file beside `path`, on a file system where locks and WAL can be trusted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made here, for its owner only; SQLite gives its log the same mode.
            os.close(os.open(self._path, LOCK_FLAGS, 0o600))
            self._descriptor = os.open(f"{self._path}.lock", LOCK_FLAGS, 0o600)
        except OSError as error:
            raise SettingsInvalid(f"cannot write {self._path.parent}: {error.strerror}") from error
        try:
            self._check()
        except SettingsInvalid:
            os.close(self._descriptor)
            raise

    def _check(self) -> None:
        kind = file_system(self._path.parent)
        if kind in NETWORK_FILE_SYSTEMS:
            raise SettingsInvalid(
                f"{self._path.parent} is on a network file system ({kind}), where SQLite loses "
                "data; set UNBROKEN_DATA to a local folder"
            )
        try:
            # flock, not a POSIX lock: a second store in the same process must be refused too.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsInvalid(f"another service already writes {self._path}") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _text(stored: bytes) -> str:
    """A flipped bit costs its character."""
    return stored.decode(errors="replace")


def _sha256(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()


def _whole(payload: bytes | None, sha256: bytes) -> bytes | None:
    """None: it is not what was stored."""
    return payload if payload is None or _sha256(payload) == sha256 else None


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
