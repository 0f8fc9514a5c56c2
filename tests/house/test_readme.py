"""What the pages tell people to type exists, and their Python names what we have."""

import ast
import contextlib
import importlib
import inspect
import re
import shlex
import subprocess
import textwrap
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import typer

import unbroken
from tests.trees import tree_of_object
from unbroken import BackendClient, StateManager, effect
from unbroken.cli.app import app
from unbroken.livekit import Call, Facts, Restored, durable

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
]
# What the pages' Python calls things.
OURS = {
    "call": Call, "facts": Facts, "restored": Restored, "durable": durable, "effect": effect,
    "backend": BackendClient, "state_manager": StateManager, "state": StateManager,
}  # fmt: skip
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SHELLS = {"sh", "bash", "shell"}


def blocks(page: str, languages: set[str]) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        textwrap.dedent(body) for _, language, body in BLOCK.findall(text) if language in languages
    ]


def commands(page: str) -> list[list[str]]:
    lines = "\n".join(blocks(page, SHELLS)).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [_without_settings(found) for found in words if found]


def _without_settings(words: list[str]) -> list[str]:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


@cache
def make_targets() -> frozenset[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z%-]+):", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page):
    named = {words[1] for words in commands(page) if words[0] == "make" and len(words) > 1}
    inline = set(re.findall(r"`make ([\w-]+)", (ROOT / page).read_text(encoding="utf-8")))
    patterns = [target.replace("%", "*") for target in make_targets()]
    assert [n for n in named | inline if not any(fnmatch(n, p) for p in patterns)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_unbroken_command_exists_with_its_options(page):
    root = typer.main.get_command(app)
    for words in commands(page):
        if Path(words[0]).name != "unbroken":
            continue
        if words[1].startswith("-"):
            continue
        command = root.commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.split("=")[0] for word in words[2:] if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    base = (ROOT / page).parent
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [link for link in links if link and "://" not in link and not (base / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_are_python(page):
    for body in blocks(page, {"python"}):
        ast.parse(body)


def written(page: str) -> list[ast.AST]:
    """The page's Python: blocks, added lines, and what stands in backquotes and is Python."""
    text = (ROOT / page).read_text(encoding="utf-8")
    changes = (re.findall(r"^\+ *(.*)", body, re.MULTILINE) for body in blocks(page, {"diff"}))
    inline = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    lines = [line.removeprefix("@") for line in (*inline, *(line for c in changes for line in c))]
    found = [ast.parse(body) for body in blocks(page, {"python"})]
    for line in lines:
        with contextlib.suppress(SyntaxError):
            found.append(ast.parse(line))
    return [node for tree in found for node in ast.walk(tree)]


def attributes(kind: type) -> set[str]:
    """Those that are set when it is made, too."""
    tree = tree_of_object(kind)
    own = (n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and is_self(n.value))
    return {*dir(kind), *own}


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


@pytest.mark.parametrize("page", PAGES)
def test_what_the_pages_use_of_ours_exists(page):
    wrong = []
    for node in written(page):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if inspect.isclass(
                kind := OURS.get(name)
            ):
                if attr not in attributes(kind):
                    wrong.append(f"{name}.{attr}")
            case ast.Call(func=ast.Name(id="durable" | "effect" as name), keywords=given):
                known = inspect.signature(OURS[name]).parameters
                wrong += [f"{name}({k.arg}=)" for k in given if k.arg and k.arg not in known]
            case ast.ImportFrom(module=module, names=names) if module and "unbroken" in module:
                there = importlib.import_module(module)
                wrong += [f"{module}.{n.name}" for n in names if not hasattr(there, n.name)]
    assert wrong == []


@pytest.mark.parametrize(
    "name", re.findall(r"\b[A-Z]\w+|\b\w+_plan\b", blocks("README.md", {"python"})[0])
)
def test_the_plans_of_the_readme_can_be_imported(name):
    assert name in ("Bookings", "Concierge") or hasattr(unbroken.livekit, name)


def test_ci_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert wanted == ["exec make --no-print-directory test"]


def test_help_names_every_target_people_use():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("run", "test", "check", "bench", "clean"):
        assert f"make {name} " in done.stdout
