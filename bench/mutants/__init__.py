"""Mutants: does a test notice when a promise is broken?

Each mutant of the table changes one place of the journal, the keeper or the store. The tree is
copied, the change is made there, and the one test that must notice is run. A mutant is killed
when that test fails, or does not end. A mutant that survives, whose place is gone, or whose test
fails without it, fails the whole run: then the test, or the table, has to be mended.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from bench import figures
from bench.mutants.mutant import Mutant, Stale
from bench.mutants.table import MUTANTS
from bench.report import ROOT, Noise, Run

AT_ONCE = 2
LIMIT_S, TIMES, LIMIT_MAX_S = 10.0, 5, 60.0  # so often its usual time, and a test does not end
BASELINE_S = 600.0  # guards against hanging; beside other work the longest takes minutes
FAILED = 1  # of pytest: tests ran, and some failed
KILLED, HANGS, SURVIVED, BROKEN = "killed", "killed (does not end)", "survived", "does not run"
QUICK = 4

T, R = TypeVar("T"), TypeVar("R")


def measure(run: Run) -> None:
    """Exits 1 unless every mutant is killed."""
    mutants = MUTANTS[:QUICK] if run.is_quick else MUTANTS
    with Noise.watched() as noise, trees(AT_ONCE) as copies:
        problems = stale(mutants, copies[0])
        usual, failing = ({}, []) if problems else baseline(run, mutants, copies)
        problems += failing
        results = [] if problems else tried(run, mutants, copies, usual)
    problems += [f"{r['mutant']}: {r['fate']}" for r in results if r["fate"] not in (KILLED, HANGS)]
    run.keep({"problems": problems, "mutants": results}, noise, page(problems, results))
    if problems:
        raise SystemExit("\n".join(problems))


@contextmanager
def trees(count: int) -> Iterator[list[Path]]:
    """Copies of what the tests need, to be changed."""
    left_out = shutil.ignore_patterns("__pycache__", "console", "results", "*.pyc")
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / str(number) for number in range(count)]
        for copy in copies:
            for name in ("src", "tests", "agents", "bench"):
                shutil.copytree(ROOT / name, copy / name, ignore=left_out)
            shutil.copy(ROOT / "pyproject.toml", copy)
        yield copies


def stale(mutants: Sequence[Mutant], tree: Path) -> list[str]:
    """The mutants whose place or test is gone."""
    problems = []
    for mutant in mutants:
        try:
            mutant.check(tree)
        except Stale as gone:
            problems.append(str(gone))
    return problems


def baseline(
    run: Run, mutants: Sequence[Mutant], copies: Sequence[Path]
) -> tuple[dict[str, float], list[str]]:
    """How long each named test takes without a mutant, and those that do not pass."""
    problems = []

    def one(test: str, tree: Path) -> tuple[str, float]:
        began = time.monotonic()
        code, output = pytest(tree, test, limit_s=BASELINE_S)
        if code != 0 or " skipped" in output:
            problems.append(f"tests/{test} does not pass without a mutant:\n{output[-2000:]}")
        return test, time.monotonic() - began

    tests = sorted({mutant.test for mutant in mutants})
    run.say(f"{len(tests)} tests without a mutant")
    return dict(side_by_side(one, tests, copies)), problems


def tried(
    run: Run, mutants: Sequence[Mutant], copies: Sequence[Path], usual: dict[str, float]
) -> list[dict[str, Any]]:
    def one(mutant: Mutant, tree: Path) -> dict[str, Any]:
        result = fate_of(
            mutant, tree, limit_s=min(LIMIT_S + TIMES * usual[mutant.test], LIMIT_MAX_S)
        )
        run.say(f"{result['fate']:8} {mutant.name} ({result['seconds']} s)")
        return result

    return side_by_side(one, mutants, copies)


def side_by_side(
    work: Callable[[T, Path], R], things: Sequence[T], copies: Sequence[Path]
) -> list[R]:
    """`work` for each thing, as many at once as there are copies, each in one of its own."""
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(thing: T) -> R:
        tree = free.get()
        try:
            return work(thing, tree)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, things))


def fate_of(mutant: Mutant, tree: Path, *, limit_s: float) -> dict[str, Any]:
    began = time.monotonic()
    with mutant.applied(tree):
        code, _ = pytest(tree, mutant.test, limit_s=limit_s)
    fates = {None: HANGS, 0: SURVIVED, FAILED: KILLED}
    return {
        "mutant": mutant.name,
        "file": mutant.file,
        "promise": mutant.promise,
        "test": mutant.test,
        "fate": fates.get(code, BROKEN),
        "seconds": round(time.monotonic() - began, 1),
    }


def pytest(tree: Path, test: str, *, limit_s: float) -> tuple[int | None, str]:
    """pytest's exit code (None: it had to be stopped), and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{test}"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # what the test started ends with it
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output
    return process.returncode, output


def page(problems: Sequence[str], results: Sequence[dict[str, Any]]) -> str:
    killed = sum(r["fate"] in (KILLED, HANGS) for r in results)
    rows = [
        [r["mutant"], r["promise"], f"`tests/{r['test']}`", r["fate"], r["seconds"]]
        for r in results
    ]
    lines = [
        f"{killed} of {len(results)} mutants were killed, each by the one test that is named.",
        *(f"\nProblem: {problem}" for problem in problems),
        "",
        figures.table(["mutant", "the promise that it breaks", "test", "fate", "s"], rows),
    ]
    return "\n".join(lines)
