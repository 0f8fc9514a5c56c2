"""Named SQL, read from `store/sql/<dialect>/*.sql`, and what is the same in all from `sql/common`.

A name stands for one or several statements, run in order; it begins at a line `-- name: word`
and ends at the next one. Migrations are whole files, numbered from 1 without a gap. Those that end
in `AFTER` are made when no service of the version before runs any more; it bears the others.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from typing import Any, TypeAlias

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_ROW = re.compile(r"values (\((?:\?, )*\?\))")

COMMON = "common"
AFTER = ".after.sql"
ROWS_MAX = 64  # of one statement; fewer are the powers of two below, so that few are prepared

IsComplete: TypeAlias = Callable[[str], bool]  # whether a text ends where a statement does


def load(dialect: str, is_complete: IsComplete) -> dict[str, tuple[str, ...]]:
    queries: dict[str, tuple[str, ...]] = {}
    for name, script in _named(dialect):
        if name in queries:
            raise ValueError(f"query {name} is defined twice in {dialect}")
        queries[name] = tuple(statements(script, is_complete))
    return queries


def migrations(
    dialect: str, is_complete: IsComplete, *, is_after: bool = False
) -> list[tuple[str, ...]]:
    """The statements of each migration of one half, in order."""
    folder = resources.files("unbroken.store") / "sql" / dialect / "migrations"
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    texts = (f.read_text(encoding="utf-8") for f in files if f.name.endswith(AFTER) == is_after)
    return [tuple(statements(text, is_complete)) for text in texts]


def statements(script: str, is_complete: IsComplete) -> Iterator[str]:
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if is_complete(part):
            yield part.strip()
            part = ""


def takes_rows(statement: str) -> bool:
    """Whether it inserts a row of question marks."""
    return _ROW.search(statement) is not None


def inserts(statement: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    """One that takes rows, for all of `rows`: few statements, each with its values."""
    done = 0
    while done < len(rows):
        count = min(ROWS_MAX, 1 << ((len(rows) - done).bit_length() - 1))
        yield _of_rows(statement, count), [v for row in rows[done : done + count] for v in row]
        done += count


@functools.cache
def _of_rows(statement: str, count: int) -> str:
    row = _ROW.search(statement)
    assert row is not None  # noqa: S101 - it takes rows
    rows = ", ".join([row[1]] * count)
    return f"{statement[: row.start(1)]}{rows}{statement[row.end(1) :]}"


def _named(dialect: str) -> Iterator[tuple[str, str]]:
    for part in (COMMON, dialect):
        folder = resources.files("unbroken.store") / "sql" / part
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".sql"):
                _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
                yield from zip(parts[::2], parts[1::2], strict=True)
