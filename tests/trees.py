"""Python source as a tree, for the rules of the house.

Python 3.11 cannot parse while it parses (python/cpython#106905), and a collection in between may do
that: a task whose error nobody asked for is logged then, with a traceback, which parses the lines
that it shows. So nothing is collected meanwhile.
"""

import ast
import gc
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def tree_of(path: Path) -> ast.Module:
    """The tree of a source file."""
    source = path.read_text(encoding="utf-8")
    with _uncollected():
        return ast.parse(source)


def tree_of_object(found: object) -> ast.Module:
    """The tree of a class or function."""
    with _uncollected():
        return ast.parse(textwrap.dedent(inspect.getsource(found)))  # type: ignore[arg-type]


def source_of(kind: type) -> str:
    """The source of a class: to find it, its file is parsed."""
    with _uncollected():
        return inspect.getsource(kind)


@contextmanager
def _uncollected() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
