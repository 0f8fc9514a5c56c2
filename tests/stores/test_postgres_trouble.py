"""A PostgreSQL that is too slow, takes nothing, or stands behind a pool: said, and gone on with."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest

from tests.postgres import set_read_only
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, CallTaken, SettingsInvalid
from unbroken.store.postgres import PostgresStore, migrating
from unbroken.store.postgres import database as databases
from unbroken.store.postgres.connecting import Connecting
from unbroken.testing.holders import Clock, Holder, entry

HANG_S = 60
ENV = Clock()


@asynccontextmanager
async def opened(tmp_path, url):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with PostgresStore.open(url, blobs, Clock()) as store:
        yield store


def said(tx, statement):
    return tx._connection.execute(statement).fetchone()


# Limits


@pytest.mark.parametrize("how", ["write", "claim", "read", "read_at_once"])
async def test_every_transaction_has_its_limits(tmp_path, database, how):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    async with opened(tmp_path, database) as store:
        found = await getattr(store._database, how)(
            lambda tx: [said(tx, f"show {name}")[name] for name in names]
        )
    limits = (databases.STATEMENT_S, databases.LOCK_S, databases.IDLE_S)
    assert found == [f"{limit}s" for limit in limits]


SLOW = {
    "statement": "set local statement_timeout = 50; select pg_sleep(60)",
    "idle": "set local idle_in_transaction_session_timeout = 50",
    "lost": "select pg_terminate_backend(pg_backend_pid())",
}


@pytest.mark.parametrize("what", SLOW)
async def test_what_takes_too_long_is_undone_and_the_next_one_is_kept(tmp_path, database, what):
    def work(tx):
        tx.one("acquire_lock", name="room", holder=ENV.new_id(), hold=60_000_000)
        tx._connection.execute(SLOW[what])
        time.sleep(0.5)
        tx.one("get_store")

    async with opened(tmp_path, database) as store:
        with pytest.raises(ArchiveUnavailable):
            await store._database.write(work)
        assert await store.locks.acquire("room", ENV.new_id(), hold_s=1)


async def test_who_holds_the_lock_for_too_long_costs_others_a_try(tmp_path, database):
    async with opened(tmp_path, database) as store:
        with psycopg.connect(database) as other:
            other.execute(f"select pg_advisory_xact_lock({migrating.LOCK})")
            with pytest.raises(ArchiveUnavailable, match="lock timeout"):
                await Holder(store.archive).take("lobby")
        assert (await Holder(store.archive).take("lobby")).term == 1


# A database that takes nothing


async def test_a_database_that_becomes_read_only_is_said_and_it_goes_on_behind_it(
    tmp_path, postgres
):
    url = postgres.make_database("drowsy")
    async with opened(tmp_path, url) as store:
        holder = Holder(store.archive)
        taken = await holder.take("lobby")
        set_read_only(postgres, "drowsy", is_on=True)
        with pytest.raises(ArchiveUnavailable):
            await holder.append(1, entry(b"1"))
        with pytest.raises(ArchiveUnavailable, match="read-only"):
            await _checked(store)
        set_read_only(postgres, "drowsy", is_on=False)
        await _until_kept(holder)
        await store.check()
        assert [e.payload for e in await store.archive.entries(taken.session_id)] == [b"1"]


async def _checked(store):
    """Of a connection that was made since."""
    for _ in range(2):
        await store.check()


async def _until_kept(holder):
    async with asyncio.timeout(HANG_S):
        while True:
            try:
                await holder.append(1, entry(b"1"))
            except ArchiveUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


# A pool in front of it, with TLS


@pytest.fixture
def pool(tmp_path_factory, postgres, ready, database):
    """PgBouncer in transaction mode with two connections for all; its URL, which needs TLS."""
    if not (program := shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")):
        pytest.skip("no PgBouncer is installed")
    folder = tmp_path_factory.mktemp("pool")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _certify(folder)
    name = database.rsplit("/", 1)[1]
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        f"""\
[databases]
{name} = host=127.0.0.1 port={postgres.port} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
client_tls_sslmode = require
client_tls_key_file = {folder}/key.pem
client_tls_cert_file = {folder}/cert.pem
"""
    )
    with _pooling(program, folder, port):
        yield f"postgresql://postgres@127.0.0.1:{port}/{name}", folder / "cert.pem"


def _certify(folder):
    if not (openssl := shutil.which("openssl")):
        pytest.skip("no openssl is installed")
    asked = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*asked, *files, *names], check=True, capture_output=True, timeout=HANG_S)


@contextmanager
def _pooling(program, folder, port):
    as_nobody = {}
    if os.getuid() == 0:  # it refuses root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
        for path in folder.parents:
            if path.stat().st_uid == os.getuid() and path.name.startswith(("pytest-", "popen-")):
                path.chmod(0o711)
        as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, folder / "ini"], stdout=log, stderr=log, **as_nobody)
    try:
        end = time.monotonic() + HANG_S
        while not _answers(port):
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_services_work_through_a_pool_that_gives_each_transaction_another_connection(
    tmp_path, pool
):
    url, cert = pool
    url = f"{url}?sslmode=verify-full&sslrootcert={cert}"
    async with opened(tmp_path, url) as one, opened(tmp_path, url) as two:
        asking = [Holder((one, two)[n % 2].archive).take("lobby") for n in range(10)]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert sum(isinstance(answer, CallTaken) for answer in answers) == 9
        holders = [Holder((one, two)[n % 2].archive) for n in range(6)]
        taken = [await holder.take(f"room{n}") for n, holder in enumerate(holders)]
        await asyncio.gather(*(_speak(holder) for holder in holders))
        for one_taken in taken:
            log = await two.archive.entries(one_taken.session_id)
            assert [e.payload for e in log] == [b"%d" % n for n in range(1, 21)]
        assert {t.store for t in taken} == {one.archive.identity}
        await one.check()


def _last_half(url):
    halves = migrating.Halves(migrating.OURS.before, (*migrating.OURS.after, ("select 1",)))
    return migrating.migrate(Connecting(url, Clock()), halves=halves, is_last=True)


def test_the_last_half_of_migrations_is_not_made_through_a_pool(pool):
    url, _ = pool
    with pytest.raises(SettingsInvalid, match="behind a pool nobody sees which services"):
        _last_half(f"{url}?sslmode=require")


async def test_nor_while_a_service_is_behind_one(tmp_path, pool, database):
    async with opened(tmp_path, f"{pool[0]}?sslmode=require&application_name=prod"):
        with pytest.raises(SettingsInvalid, match=r"connected \(unbroken \d+\.\d+\+pool prod\)"):
            await asyncio.to_thread(_last_half, database)


async def _speak(holder):
    for seq in range(1, 21):
        assert (await holder.append(seq, entry(b"%d" % seq))).outcome == "acked"


@pytest.mark.parametrize("wrong", ["sslmode=disable", "sslmode=verify-full&sslrootcert={other}"])
async def test_what_tls_does_not_allow_is_said_at_the_start(tmp_path, pool, wrong):
    url, _ = pool
    _certify(tmp_path)
    with pytest.raises(SettingsInvalid, match="the database cannot be used"):
        async with opened(tmp_path, f"{url}?{wrong.format(other=tmp_path / 'cert.pem')}"):
            pass
