"""`unbroken migrate`, on both databases."""

import re
import sqlite3

import psycopg
import pytest

from tests.cli.conftest import said
from unbroken.store.postgres.statements import MIGRATIONS as OF_POSTGRES
from unbroken.store.sqlite.database import MIGRATIONS


def migrated(environ, *words):
    return said("migrate", *words, environ=environ)


def test_tables_are_made_once_and_a_dry_run_makes_none(tmp_path):
    environ = {"UNBROKEN_DATA": str(tmp_path / "data")}
    would = f"The tables would go from version 0 to {len(MIGRATIONS)}.\n"
    assert migrated(environ, "--dry-run") == (0, would)
    assert not (tmp_path / "data").exists()
    assert migrated(environ) == (0, would.replace("would go", "went"))
    done = f"The tables have version {len(MIGRATIONS)}: nothing to do.\n"
    assert migrated(environ) == (0, done)
    assert migrated(environ, "--dry-run") == (0, done)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_newer_tables_are_left_alone(tmp_path, words):
    with sqlite3.connect(tmp_path / "unbroken.sqlite") as db:
        db.execute("pragma user_version = 999")
    db.close()
    code, told = migrated({"UNBROKEN_DATA": str(tmp_path)}, *words)
    assert (code, told.count("\n")) == (2, 1)
    assert "made by a newer version" in told


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_what_is_no_database_is_one_sentence(tmp_path, words):
    (tmp_path / "unbroken.sqlite").write_bytes(b"x" * 5_000)
    code, told = migrated({"UNBROKEN_DATA": str(tmp_path)}, *words)
    assert (code, told.count("\n")) == (2, 1)
    assert "not a database" in told


def test_a_postgresql_is_brought_forward(tmp_path, postgres):
    url = postgres.make_database("to_migrate")
    environ = {"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_DATABASE": url}
    would = f"The tables would go from version 0 to {len(OF_POSTGRES)}.\n"
    assert migrated(environ, "--dry-run") == (0, would)
    assert migrated(environ, "--dry-run") == (0, would)
    assert migrated(environ) == (0, would.replace("would go", "went"))
    done = f"The tables have version {len(OF_POSTGRES)}: nothing to do.\n"
    assert migrated(environ) == (0, done)


@pytest.fixture
def halved(tmp_path, postgres, request):
    """Tables that lack one file of the last half, though this version has none: its number says
    so. Their URL, and what names it."""
    url = postgres.make_database(re.sub(r"\W", "_", request.node.name)[-60:])
    environ = {"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_DATABASE": url}
    migrated(environ)
    with psycopg.connect(url) as connection:
        connection.execute("update schema_version set after_version = after_version - 1")
    return url, environ


NOTHING = f"The tables have version {len(OF_POSTGRES)}: nothing to do.\n"


def test_what_is_left_for_the_last_half_is_said_and_a_dry_run_makes_nothing(halved):
    _, environ = halved
    left = f"{NOTHING}Of what no older service bears is left for --after: 1.\n"
    would = "Of what no older service bears would be made: 1.\n"
    for _ in range(2):
        assert migrated(environ) == (0, left)
        assert migrated(environ, "--dry-run") == (0, left)
        assert migrated(environ, "--dry-run", "--after") == (0, would)
    assert migrated(environ, "--after") == (0, would.replace("would be", "were"))
    assert migrated(environ, "--after") == (0, NOTHING)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_the_last_half_waits_until_older_services_are_gone(halved, words):
    url, environ = halved
    with psycopg.connect(url, application_name="unbroken 1.0"):
        code, told = migrated(environ, "--after", *words)
        assert (code, told.count("\n")) == (2, 1)
        assert "is connected (unbroken 1.0): stop it first" in told
    code, told = migrated(environ, "--after", *words)
    assert (code, "were made" in told) == (0, not words)


def test_the_last_half_that_is_made_asks_nobody_to_stop(tmp_path, postgres):
    url = postgres.make_database("both_halves")
    environ = {"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_DATABASE": url}
    migrated(environ)
    with psycopg.connect(url, application_name="unbroken 1.0"):
        assert migrated(environ, "--after") == (0, NOTHING)


def test_a_file_has_no_last_half(tmp_path):
    code, told = migrated({"UNBROKEN_DATA": str(tmp_path)}, "--after")
    assert (code, told) == (0, f"The tables went from version 0 to {len(MIGRATIONS)}.\n")


def test_a_database_that_is_away_is_one_sentence_without_its_password(tmp_path):
    url = "postgresql://me:swordfish@127.0.0.1:1/none"
    code, told = migrated({"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_DATABASE": url})
    assert (code, told.count("\n")) == (2, 1)
    assert "swordfish" not in told
