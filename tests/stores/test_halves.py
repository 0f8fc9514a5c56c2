"""Services of the version before go on while the tables are brought forward."""

import asyncio
import re
from importlib import resources

import psycopg
import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, SettingsInvalid
from unbroken.store.postgres import PostgresStore, open_source
from unbroken.store.postgres.connecting import Connecting
from unbroken.store.postgres.migrating import OURS, Halves, migrate
from unbroken.store.postgres.statements import is_complete
from unbroken.store.queries import AFTER, statements
from unbroken.store.records import Migrated
from unbroken.testing.holders import Holder

BORNE = ("alter table errors add column later bigint not null default 7",)
UNBORNE = ("alter table errors drop column stack_trace",)
NEWER = Halves((*OURS.before, BORNE), (*OURS.after, UNBORNE))
OLD, NEW = len(OURS.before), len(NEWER.before)
MIGRATIONS = resources.files("unbroken.store") / "sql"
# What a service that knows nothing of it would fail at.
STRICTER = re.compile(
    r"\b(drop|rename|set not null|alter column|(?=.*not null)(?!.*default).*add column)\b"
)


@pytest.fixture
def url(postgres, request):
    return postgres.make_database(re.sub(r"\W", "_", request.node.name)[-60:])


@pytest.fixture
def opened(url, tmp_path):
    """A service of this version opens it."""
    blobs = ObjectBlobs.in_folder(tmp_path)
    return lambda: PostgresStore.open(url, blobs, Host())


def forward(url, **how):
    return migrate(Connecting(url, Host()), **how)


async def test_who_runs_goes_on_and_may_start_again_until_the_last_half(url, opened):
    async with opened() as store:
        await Holder(store.archive).take("one")
        assert forward(url, halves=NEWER) == Migrated(OLD, NEW, after=0, left=1)
        await Holder(store.archive).take("two")
    async with opened() as store:
        await Holder(store.archive).take("three")
    assert forward(url, halves=NEWER, is_last=True) == Migrated(NEW, NEW, after=1)
    with pytest.raises(SettingsInvalid, match="made by a newer version"):
        async with opened():
            pass
    assert forward(url, halves=NEWER) == Migrated(NEW, NEW)


def test_tables_that_are_new_have_both_halves(url):
    assert forward(url, halves=NEWER) == Migrated(0, NEW, after=1)


def test_a_dry_run_makes_nothing(url):
    forward(url)
    for _ in range(2):
        assert forward(url, halves=NEWER, is_dry=True, is_last=True) == Migrated(OLD, NEW, after=1)
        assert forward(url, halves=NEWER, is_dry=True) == Migrated(OLD, NEW, left=1)


OTHERS = ["unbroken", "unbroken prod", "unbroken 1.0", "unbroken 1.0 prod", "unbroken 999.0"]


@pytest.mark.parametrize("name", OTHERS)
def test_while_a_service_of_another_version_is_connected_the_last_half_waits(url, name):
    forward(url)
    with psycopg.connect(url, application_name=name):
        for is_dry in (True, False):
            with pytest.raises(SettingsInvalid, match=re.escape(f"is connected ({name}): stop")):
                forward(url, halves=NEWER, is_last=True, is_dry=is_dry)
        assert forward(url, is_last=True) == Migrated(OLD, OLD)
    assert forward(url, halves=NEWER, is_last=True) == Migrated(OLD, NEW, after=1)


async def test_services_of_this_version_and_other_programs_are_not_in_the_way(url, tmp_path):
    blobs = ObjectBlobs.in_folder(tmp_path)
    async with PostgresStore.open(f"{url}?application_name=unbroken-prod", blobs, Host()):
        with psycopg.connect(url, application_name="psql"):
            done = await asyncio.to_thread(lambda: forward(url, halves=NEWER, is_last=True))
    assert done == Migrated(OLD, NEW, after=1)


def test_who_may_do_little_sees_services_of_other_roles(postgres):
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("create role maker login")
        connection.execute("create database made owner maker")
    url = postgres.url("made", user="maker")
    forward(url)
    with (
        psycopg.connect(postgres.url("made"), application_name="unbroken 1.0"),
        pytest.raises(SettingsInvalid, match=r"is connected \(unbroken 1\.0\)"),
    ):
        forward(url, halves=NEWER, is_last=True)


async def test_who_was_not_seen_writes_nothing_to_tables_that_went_beyond_it(url, opened):
    async with opened() as store:
        await Holder(store.archive).take("one")
        await asyncio.to_thread(lambda: forward(url, halves=NEWER, is_last=True))
        with pytest.raises(ArchiveUnavailable, match="newer version"):
            await Holder(store.archive).take("two")
        with pytest.raises(ArchiveUnavailable, match="newer version"):
            await store.check()
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from sessions").fetchone() == (1,)


async def test_a_table_that_is_read_for_long_keeps_nobody_from_writing(url, opened):
    async with opened() as store:
        with psycopg.connect(url) as reader:
            reader.execute("select count(*) from errors")
            asked = asyncio.create_task(asyncio.to_thread(lambda: forward(url, halves=NEWER)))
            for n in range(3):
                await Holder(store.archive).take(f"room{n}")
                await asyncio.sleep(0.5)
            assert not asked.done()
        assert await asked == Migrated(OLD, NEW, left=1)


async def test_what_lacks_its_last_half_is_not_copied(url):
    forward(url)
    with psycopg.connect(url) as connection:
        connection.execute("update schema_version set after_version = after_version - 1")
    with pytest.raises(SettingsInvalid, match="needs unbroken migrate --after first"):
        async with open_source(url, Host()):
            pass


def test_the_first_half_is_what_older_services_bear():
    files = sorted((MIGRATIONS / "postgres" / "migrations").iterdir(), key=lambda f: f.name)
    assert [f.name[:5] for f in files] == [f"{n:04}_" for n in range(1, len(files) + 1)]
    assert len(files) == len(OURS.before) + len(OURS.after)
    for file in files[1:]:
        if not file.name.endswith(AFTER):
            for line in file.read_text().splitlines():
                assert not STRICTER.search(line.lower().partition("--")[0]), (file.name, line)


def test_a_file_has_one_service_and_no_halves():
    found = (MIGRATIONS / "sqlite" / "migrations").iterdir()
    assert not [file.name for file in found if file.name.endswith(AFTER)]


SHAPES = """select table_name, column_name, data_type, is_nullable, column_default
from information_schema.columns where table_schema = 'public' and table_name <> 'schema_version'
union all select tablename, indexdef, null, null, null from pg_indexes
where schemaname = 'public' and tablename <> 'schema_version' order by 1, 2"""


def test_tables_are_the_same_whichever_half_was_made_first(url, postgres):
    forward(url)
    stepwise = postgres.make_database("stepwise")
    files = sorted((MIGRATIONS / "postgres" / "migrations").iterdir(), key=lambda f: f.name)
    with psycopg.connect(stepwise) as connection:
        for file in files:
            for statement in statements(file.read_text(), is_complete):
                connection.execute(statement)
        found = connection.execute(SHAPES).fetchall()
    with psycopg.connect(url) as connection:
        assert connection.execute(SHAPES).fetchall() == found
