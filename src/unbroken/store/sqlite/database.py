"""The SQLite file: one thread that writes, others that read, and nobody else who writes.

Theory of operation. All writes run in one thread on one connection, each a `begin immediate`
transaction, so no statement waits for a lock of ours and nothing is read again after a wait.
Reads run beside them in threads of their own on read-only connections (WAL), so a long list
never delays an append.
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
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

from unbroken.archive.port import TIMELINE_MAX, StoreIdentity
from unbroken.env import NETWORK_FILE_SYSTEMS, Env, file_system
from unbroken.errors import ArchiveUnavailable, Corrupt, SettingsInvalid
from unbroken.store import indexing, queries
from unbroken.store.port import GiveWay
from unbroken.store.sqlite.asking import matching
from unbroken.store.sqlite.clock import STEP_US, StoreClock
from unbroken.store.sqlite.shapes import Shapes
from unbroken.store.sqlite.transaction import QUERIES, SqliteTransaction, is_of_values
from unbroken.store.sums import row_sum
from unbroken.store.threads import Threads
from unbroken.store.transaction import UNFINISHED

log = logging.getLogger(__name__)

MIGRATIONS = queries.migrations("sqlite", sqlite3.complete_statement)
BUSY_TIMEOUT_S = 5.0
STATEMENTS_MAX = 512  # prepared and kept, for each connection: more than there are
AHEAD_US_MAX = 60_000_000  # the longest lease; no dispatch is put off for longer
FREE_BYTES_MIN = 4 << 20  # below it a batch might not be kept
# SQLITE_ERROR: a statement of ours does not fit the tables, or a value is not what was stored.
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

T = TypeVar("T")


class SqliteDatabase(Threads[SqliteTransaction]):
    """Use as `async with SqliteDatabase.open(path, env) as database`."""

    def __init__(self, path: Path, env: Env) -> None:
        super().__init__()
        self._path = path
        self._env = env
        self._clock = StoreClock(env)
        self._reading = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._shapes = Shapes()
        self.identity = StoreIdentity("", env.new_id().int & TIMELINE_MAX)
        self.own_holder = UUID(int=0)  # who holds what is saved over REST; told to nobody
        self._is_copying = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, env: Env, *, is_copy: bool = False) -> AsyncIterator[Self]:
        """Make or migrate the file. `is_copy`: also one that is a copy and not finished.

        Raises SettingsInvalid if it lies on a network file system, another process writes it,
        a newer version made it, or it is no database.
        """
        self = cls(path, env)
        with only_writer(path):
            try:
                await self._usable(self._writer, self._start)
                if self._is_copying and not is_copy:
                    raise SettingsInvalid(f"{path} is {UNFINISHED}")
                yield self
            finally:
                await asyncio.to_thread(self._close)

    @classmethod
    @asynccontextmanager
    async def reading(cls, path: Path, env: Env) -> AsyncIterator[Self]:
        """The file as it is, to read only; who writes it goes on.

        Raises SettingsInvalid if it is not there, of another version, or no database.
        """
        self = cls(path, env)
        try:
            await self._usable(self._readers, self._look)
            yield self
        finally:
            await asyncio.to_thread(self._close)

    async def _usable(self, threads: ThreadPoolExecutor, first: Callable[[], None]) -> None:
        try:
            await self._run(threads, first)
        except (ArchiveUnavailable, Corrupt, sqlite3.Error) as error:
            raise SettingsInvalid(
                f"{self._path} cannot be used: {error}; put a copy of it in its place, or set "
                "UNBROKEN_DATA to another folder"
            ) from error

    async def check(self) -> None:
        """Raises ArchiveUnavailable if nothing can be read or kept now, Corrupt."""
        await self.read(lambda tx: tx.one("get_store"))
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < FREE_BYTES_MIN:
            raise ArchiveUnavailable(f"the disk of {self._path.parent} is full")
        if self._was_refused:
            await self.write(lambda tx: tx.all("touch_store"))

    async def search(
        self, terms: Sequence[str], work: Callable[[SqliteTransaction, str | None], T]
    ) -> T:
        """As `read`; the index is made anew if it cannot be asked for `terms`."""
        wanted = matching(terms)
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
        self.identity = StoreIdentity(store["system_id"], self.identity.timeline)
        self.own_holder = store["own_holder"]
        self._is_copying = bool(store["is_copying"])

    def _look(self) -> None:
        connection = self._connect("ro")
        version = connection.execute("pragma user_version").fetchone()[0]
        if version != len(MIGRATIONS):
            raise SettingsInvalid(
                f"{self._path} was made by another version of unbroken (tables {version}, this "
                f"one knows {len(MIGRATIONS)})"
            )
        self._shapes = Shapes(self._read(lambda tx: tx.all("list_columns")))

    def _migrate(self, _tx: SqliteTransaction) -> None:
        version = self._writing.execute("pragma user_version").fetchone()[0]
        _check_version(self._path, version)
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
            connection.create_function(name, count, self._beside(function), deterministic=True)
        connection.create_function("id_of", 1, bytes.fromhex, deterministic=True)
        connection.create_function("row_sum", -1, self._beside(row_sum), deterministic=True)
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
            tx = SqliteTransaction(
                connection, self._clock.now_us() + ahead_us, self._shapes, self.identity
            )
            if abs(ahead_us) > STEP_US:
                tx.all("shift_times", step=ahead_us)
            done = work(tx)
            if tx.one("is_unindexed"):
                tx.all("index_changes")
            connection.execute("commit")
            self._clock.follow(ahead_us)
            if tx.is_waking:
                self._wake()
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return done

    def _read(self, work: Callable[[SqliteTransaction], T], give_way: GiveWay | None = None) -> T:
        connection: sqlite3.Connection | None = getattr(self._reading, "connection", None)
        if connection is None:
            connection = self._reading.connection = self._connect("ro")
            for view in QUERIES["views"]:
                connection.execute(view)
        self._reading.give_way = give_way
        connection.execute("begin")
        try:
            now_us = self._clock.now_us()
            return work(
                SqliteTransaction(connection, now_us, self._shapes, self.identity, give_way)
            )
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def _beside(self, function: Callable[..., T]) -> Callable[..., T]:
        """For queries that are long before their first row: it gives way, where rows would."""

        def called(*values: Any) -> T:
            if give_way := getattr(self._reading, "give_way", None):
                give_way()
            return function(*values)

        return called

    def _close(self) -> None:
        # Readers first: the last connection to close empties the WAL into the file.
        self._end_threads()
        for connection in reversed(self._open):
            connection.close()


def versions(path: Path) -> tuple[int, int]:
    """That of the file's tables, 0 if there is none, and the one that we make. Makes nothing.

    Raises SettingsInvalid for what is newer, or no database.
    """
    if not path.exists():
        return 0, len(MIGRATIONS)
    try:
        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as connection:
            found = int(connection.execute("pragma user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise SettingsInvalid(f"{path} cannot be used: {error}") from error
    _check_version(path, found)
    return found, len(MIGRATIONS)


def _check_version(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise SettingsInvalid(
            f"{path} was made by a newer version of unbroken (tables {version}, "
            f"this one knows {len(MIGRATIONS)})"
        )


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


class only_writer:  # noqa: N801 - reads as a statement
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
