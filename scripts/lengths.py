"""Fail when a module or a function outgrows its budget. Run by `make check`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = {"src": 400, "agents": 400, "scripts": 400, "bench": 400, "tests": 500}


def overruns(path: Path, lines_max: int) -> list[str]:
    source = path.read_text(encoding="utf-8")
    found = []
    if (lines := len(source.splitlines())) > lines_max:
        found.append(f"{path}: {lines} lines (at most {lines_max})")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                found.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    return found


def all_overruns(root: Path) -> Iterator[str]:
    for folder, lines_max in MODULE_LINES_MAX.items():
        for path in sorted((root / folder).rglob("*.py")):
            yield from overruns(path, lines_max)


if __name__ == "__main__":
    problems = list(all_overruns(Path(__file__).resolve().parent.parent))
    print(*problems, sep="\n")
    sys.exit(bool(problems))
