"""The queries of this dialect, as the driver takes them."""

import re

from unbroken.store import queries

_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_NAMED = re.compile(r"(?<!:):([a-z]\w*)")
_NUMBERED = re.compile(r"\?(\d+)")


def is_complete(text: str) -> bool:
    """Whether it ends where a statement does: ours end with their line."""
    return _COMMENT.sub("", text).rstrip().endswith(";")


def prepared(statement: str) -> str:
    """With the driver's placeholders: by name, and `?2` as `p2`."""
    bare = _COMMENT.sub("", statement).replace("%", "%%")
    return _NUMBERED.sub(r"%(p\1)s", _NAMED.sub(r"%(\1)s", bare))


QUERIES = {
    name: tuple(map(prepared, statements))
    for name, statements in queries.load("postgres", is_complete).items()
}
MIGRATIONS = queries.migrations("postgres", is_complete)
AFTERWARDS = queries.migrations("postgres", is_complete, is_after=True)
