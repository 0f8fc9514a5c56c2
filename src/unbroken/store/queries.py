"""Named SQL, read from `store/sql/<dialect>/*.sql`.

A name stands for one or several statements, run in order; it begins at a line `-- name: word`
and ends at the next one. Migrations are whole files, numbered from 1 without a gap.
"""

import functools
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import TypeAlias

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_ROW = re.compile(r"values (\((?:\?, )*\?\))")

IsComplete: TypeAlias = Callable[[str], bool]  # whether a text ends where a statement does


def load(dialect: str, is_complete: IsComplete) -> dict[str, tuple[str, ...]]:
    queries: dict[str, tuple[str, ...]] = {}
    for name, script in _named(dialect):
        if name in queries:
            raise ValueError(f"query {name} is defined twice in {dialect}")
        queries[name] = tuple(statements(script, is_complete))
    return queries


def migrations(dialect: str, is_complete: IsComplete) -> list[tuple[str, ...]]:
    """The statements of each migration, in order."""
    folder = resources.files("unbroken.store") / "sql" / dialect / "migrations"
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    texts = (file.read_text(encoding="utf-8") for file in files)
    return [tuple(statements(text, is_complete)) for text in texts]


def statements(script: str, is_complete: IsComplete) -> Iterator[str]:
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if is_complete(part):
            yield part.strip()
            part = ""


@functools.cache
def of_rows(statement: str, count: int) -> str | None:
    """`statement`, which inserts a row of question marks, for `count` rows; None: it is another."""
    row = _ROW.search(statement)
    if row is None:
        return None
    rows = ", ".join([row[1]] * count)
    return f"{statement[: row.start(1)]}{rows}{statement[row.end(1) :]}"


def _named(dialect: str) -> Iterator[tuple[str, str]]:
    folder = resources.files("unbroken.store") / "sql" / dialect
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
            yield from zip(parts[::2], parts[1::2], strict=True)
