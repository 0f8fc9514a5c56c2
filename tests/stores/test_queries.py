"""The SQL of all dialects: nothing of it stands twice, or is asked by nobody."""

import re
from pathlib import Path

import pytest

from unbroken import store as store_package
from unbroken.store.postgres.statements import QUERIES as OF_POSTGRES
from unbroken.store.queries import COMMON
from unbroken.store.sqlite.transaction import QUERIES as OF_SQLITE

STORE = Path(store_package.__file__).parent
SQL = STORE / "sql"
NAMED = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
LINE_MAX = 120
OLD = sorted((SQL / "sqlite" / "migrations").iterdir())[:13]  # written before, and never change


def texts(folder):
    """Of each query, without its comments."""
    for file in (SQL / folder).glob("*.sql"):
        _, *parts = NAMED.split(file.read_text("utf-8"))
        for name, script in zip(parts[::2], parts[1::2], strict=True):
            yield name, " ".join(re.sub(r"--.*", "", script).split())


@pytest.mark.parametrize("queries", [OF_SQLITE, OF_POSTGRES], ids=["sqlite", "postgres"])
def test_every_query_is_asked(queries):
    """`list_participants` by tests alone: the service shows nobody yet."""
    modules = [path.read_text("utf-8") for path in STORE.rglob("*.py")]
    unasked = {n for n in queries if not any(f'"{n}"' in module for module in modules)}
    assert unasked == {"list_participants"}


def test_what_is_the_same_in_all_dialects_stands_once():
    of_sqlite, of_postgres = dict(texts("sqlite")), dict(texts("postgres"))
    assert dict(texts(COMMON))
    assert [n for n, text in of_sqlite.items() if of_postgres.get(n) == text] == []


def test_no_line_of_sql_is_too_long_for_a_diff():
    files = [path for path in SQL.rglob("*.sql") if path not in OLD]
    lines = [(f.name, line) for f in files for line in f.read_text("utf-8").splitlines()]
    assert [(name, line) for name, line in lines if len(line) > LINE_MAX] == []
