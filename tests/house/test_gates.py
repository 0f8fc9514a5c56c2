"""The house rules that a machine can check: sizes, layers, a light import, a short public list."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import unbroken
from tests.trees import tree_of

ROOT = Path(__file__).parents[2]
EXPORTS_MAX = 40
HEAVY = {  # the HTTP client and the compressor are what the library itself speaks with
    "fastapi", "livekit", "obstore", "onnxruntime", "pydantic", "pytest", "sqlite3", "structlog",
    "typer", "uvicorn",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a new Python has loaded after `statement`."""
    program = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(done.stdout.decode().split())


def tool(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_no_module_and_no_function_outgrows_its_budget():
    done = tool(sys.executable, "scripts/lengths.py")
    assert done.returncode == 0, done.stdout


def test_imports_point_downwards_only():
    done = tool(Path(sys.executable).with_name("lint-imports"), "--no-cache")
    assert done.returncode == 0, done.stdout


def test_importing_the_package_loads_no_driver_and_no_framework():
    assert not modules_after("import unbroken") & HEAVY


def test_the_command_line_starts_without_the_service():
    loaded = modules_after("from unbroken.cli import app")
    assert not loaded & (HEAVY - {"typer"})


def test_the_public_list_is_short_sorted_and_true():
    names = unbroken.__all__
    assert len(names) <= EXPORTS_MAX
    assert list(names) == sorted(names)
    assert all(hasattr(unbroken, name) for name in names)


@pytest.mark.parametrize("folder", ["src", "agents", "scripts", "tests", "console/src", "docs"])
def test_nothing_names_the_machine_it_was_made_on(folder):
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".ts", ".tsx", ".md", ".sql", ".css", ".html"}
        if str(ROOT) in path.read_text(encoding="utf-8")
    ]
    assert not found


def test_the_assistant_uses_only_public_names():
    public = {"unbroken", "unbroken.livekit"}
    used = {
        node.module
        for path in (ROOT / "agents").rglob("*.py")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "unbroken"
    }
    assert used == public
