"""Named SQL, read from `stores/sql/<dialect>/*.sql`.

A name stands for one or several statements, run in order; it begins at a line `-- name: word`
and ends at the next one. Migrations are whole files, numbered from 1 without a gap.
"""

import re
import sqlite3
from collections.abc import Iterator
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(dialect: str) -> dict[str, tuple[str, ...]]:
    queries: dict[str, tuple[str, ...]] = {}
    for name, script in _named(dialect):
        if name in queries:
            raise ValueError(f"query {name} is defined twice in {dialect}")
        queries[name] = tuple(statements(script))
    return queries


def migrations(dialect: str) -> list[tuple[str, ...]]:
    """The statements of each migration, in order."""
    folder = resources.files("unbroken.stores") / "sql" / dialect / "migrations"
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    return [tuple(statements(file.read_text(encoding="utf-8"))) for file in files]


def statements(script: str) -> Iterator[str]:
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part.strip()
            part = ""


def _named(dialect: str) -> Iterator[tuple[str, str]]:
    folder = resources.files("unbroken.stores") / "sql" / dialect
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
            yield from zip(parts[::2], parts[1::2], strict=True)
