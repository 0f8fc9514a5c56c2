"""docs/design/api.md shows what users write: no more, no less, and as the code has it."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

import unbroken
import unbroken.livekit
from tests.house.test_readme import ROOT, attributes, blocks
from tests.trees import tree_of_object
from unbroken.service.app import create_app
from unbroken.service.settings import Settings

PAGE = "docs/design/api.md"
Function = ast.FunctionDef | ast.AsyncFunctionDef
METHODS = "GET|PUT|POST|PATCH|DELETE"
QUOTES = "'\""


def shown() -> list[ast.stmt]:
    return [node for body in blocks(PAGE, {"python"}) for node in ast.parse(body).body]


def signatures() -> Iterator[tuple[str, Function, Any]]:
    """The functions and methods of the page, each with ours of that name."""
    for node in shown():
        match node:
            case ast.ClassDef(name=name, body=body):
                kind = ours(name)
                methods = (part for part in body if isinstance(part, Function))
                yield from ((f"{name}.{m.name}", m, getattr(kind, m.name, None)) for m in methods)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node, ours(name)


def ours(name: str) -> Any:
    return getattr(unbroken, name, None) or getattr(unbroken.livekit, name)


def written(node: Function) -> str:
    """One form of a signature, whatever its lines, quotes and modules of types."""
    how = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    returns = ast.unparse(node.returns) if node.returns else ""
    words = f"{how}({ast.unparse(node.args)}) -> {returns.strip(QUOTES)}"
    return re.sub(r"\b[a-z_]\w*\.(?=[A-Z])", "", words).replace("asyncio.", "")


def said(given: Any) -> str:
    return given if isinstance(given, str) else str(getattr(given, "name", ""))


@pytest.mark.parametrize(("name", "node", "found"), [*signatures()], ids=said)
def test_a_signature_is_as_in_the_code(name, node, found):
    assert found is not None, f"there is no {name}"
    (real,) = tree_of_object(found).body
    assert isinstance(real, Function)
    assert written(node) == written(real)


@pytest.mark.parametrize("node", [n for n in shown() if isinstance(n, ast.ClassDef)], ids=said)
def test_a_class_has_what_is_shown_of_it_and_no_more(node):
    kind = ours(node.name)
    fields = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign)}
    methods = {part.name for part in node.body if isinstance(part, Function)}
    annotated = {name for base in kind.__mro__ for name in vars(base).get("__annotations__", ())}
    assert fields <= attributes(kind) | annotated
    real = {name for name in attributes(kind) | annotated if not name.startswith("_")}
    assert real - fields - methods <= {"settings"}  # the StateManager's own, as it was given


def test_the_routes_are_those_of_the_service(tmp_path):
    paths = create_app(Settings(data=tmp_path)).openapi()["paths"]
    real = {f"{method.upper()} {path}" for path, found in paths.items() for method in found}
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `((?:{METHODS}) [^`]+)` \|", text, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == real
