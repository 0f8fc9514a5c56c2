"""Services of the version before go on while the tables are brought forward."""

import re
from importlib import resources

import psycopg
import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Host
from unbroken.errors import SettingsInvalid
from unbroken.store.postgres import PostgresStore
from unbroken.store.postgres.connecting import Connecting
from unbroken.store.postgres.migrating import OURS, Halves, migrate
from unbroken.store.queries import AFTER
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
    return postgres.make_database(re.sub(r"\W", "_", request.node.name))


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


def test_while_a_service_of_another_version_is_connected_the_last_half_waits(url):
    forward(url)
    with psycopg.connect(url, application_name="unbroken 1.0"):
        with pytest.raises(SettingsInvalid, match=r"still connected \(unbroken 1\.0\)"):
            forward(url, halves=NEWER, is_last=True)
        assert forward(url, is_dry=True) == Migrated(OLD, OLD)
    assert forward(url, halves=NEWER, is_last=True) == Migrated(OLD, NEW, after=1)


def test_the_first_half_is_what_older_services_bear():
    files = sorted((MIGRATIONS / "postgres" / "migrations").iterdir(), key=lambda f: f.name)
    assert len(files) == len(OURS.before) + len(OURS.after)
    for file in files[1:]:
        if not file.name.endswith(AFTER):
            for line in file.read_text().splitlines():
                assert not STRICTER.search(line.lower().partition("--")[0]), (file.name, line)


def test_a_file_has_one_service_and_no_halves():
    found = (MIGRATIONS / "sqlite" / "migrations").iterdir()
    assert not [file.name for file in found if file.name.endswith(AFTER)]
