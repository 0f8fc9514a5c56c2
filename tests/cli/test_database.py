"""`unbroken serve --database`: a real PostgreSQL, and what is said where there is none to use."""

import httpx
import psycopg
import pytest

from tests.cli.conftest import running, said
from tests.postgres import read_only
from unbroken.archive.http import RemoteArchive
from unbroken.cli import ports
from unbroken.testing.holders import Holder

UNSAID = "never-said"


@pytest.fixture
def environ(tmp_path):
    return {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_API_KEY": "k" * 16}


async def test_a_conversation_is_kept_in_it(tmp_path, environ, database):
    port = ports.claim(0, "service")
    url, key = f"http://127.0.0.1:{port}", environ["UNBROKEN_API_KEY"]
    with running("serve", "--port", str(port), "--database", database, environ=environ) as service:
        service.line("service started")
        async with RemoteArchive(url, key=key) as archive:
            holder = Holder(archive)
            taken = await holder.take("lobby")
            await holder.say("good morning")
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            told = await client.get(f"/api/v1/conversations/{taken.conversation_id}/messages")
            ready = await client.get("/readyz")
    assert "good morning" in told.text
    assert ready.status_code == 200
    assert not list(tmp_path.rglob("unbroken.sqlite*"))
    with psycopg.connect(database) as connection:
        found = connection.execute("select session_id, text from messages").fetchall()
    assert found == [(taken.session_id, "good morning")]


def refused(environ, url):
    code, told = said("serve", "--port", "0", environ=environ | {"UNBROKEN_DATABASE": url})
    assert (code, told.count("\n")) == (2, 1), told
    assert UNSAID not in told
    return told


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"mysql://u:{UNSAID}@127.0.0.1/x", "begins with postgresql://"),
        (f"postgresql://u:{UNSAID}@127.0.0.1:port/x", "database"),
        (f"postgresql://u:{UNSAID}@127.0.0.1/x?nonsense=1", "URL is none"),
        (f"postgresql://u:{UNSAID}@127.0.0.1:9/x", "cannot be used: connection failed"),
    ],
)
def test_a_wrong_url_is_one_sentence_without_its_password(environ, url, text):
    assert text in refused(environ, url)


def test_tables_of_a_newer_version_are_one_sentence(environ, database):
    with psycopg.connect(database) as connection:
        connection.execute("update schema_version set after_version = after_version + 1")
    try:
        assert "newer version of unbroken" in refused(environ, database)
    finally:
        with psycopg.connect(database) as connection:
            connection.execute("update schema_version set after_version = after_version - 1")


def test_a_read_only_database_is_one_sentence(environ, postgres):
    with read_only(postgres, "asleep") as url:
        assert "is read-only" in refused(environ, url)


def test_a_server_without_tls_is_one_sentence_where_it_is_required(environ, database):
    assert "SSL was required" in refused(environ, f"{database}?sslmode=require")


def test_missing_rights_are_one_sentence(environ, postgres):
    postgres.make_database("strict")
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("create role guest login")
    told = refused(environ, postgres.url("strict", user="guest"))
    assert "may not make its tables" in told
