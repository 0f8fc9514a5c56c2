"""What the pages tell people to type exists, and their Python is Python."""

import ast
import re
import shlex
import subprocess
import textwrap
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import typer

from unbroken.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]
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


def test_ci_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert wanted == ["exec make --no-print-directory test"]


def test_help_names_every_target_people_use():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("run", "test", "check", "bench", "clean"):
        assert f"make {name} " in done.stdout
