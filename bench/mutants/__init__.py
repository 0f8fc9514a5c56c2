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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bench import figures
from bench.mutants.mutant import Mutant, Stale
from bench.mutants.table import MUTANTS
from bench.report import ROOT, Noise, Run

AT_ONCE = 2
LIMIT_S = 45  # the slowest of the named tests takes a few seconds
BASELINE_S = 300
FAILED = 1  # of pytest: tests ran, and some failed
KILLED, HANGS, SURVIVED, BROKEN = "killed", "killed (does not end)", "survived", "does not run"
QUICK = 4


def measure(run: Run) -> None:
    """Exits 1 unless every mutant is killed."""
    mutants = MUTANTS[:QUICK] if run.is_quick else MUTANTS
    with Noise.watched() as noise, trees(AT_ONCE) as copies:
        problems = unsound(mutants, copies[0])
        results = [] if problems else tried(run, mutants, copies)
    problems += [f"{r['mutant']}: {r['fate']}" for r in results if r["fate"] not in (KILLED, HANGS)]
    run.keep({"problems": problems, "mutants": results}, noise, page(problems, results))
    if problems:
        raise SystemExit("\n".join(problems))


@contextmanager
def trees(count: int) -> Iterator[list[Path]]:
    """Copies of what the tests need, to be changed."""
    left_out = shutil.ignore_patterns("__pycache__", "console", "*.pyc")
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / str(number) for number in range(count)]
        for copy in copies:
            for name in ("src", "tests", "agents"):
                shutil.copytree(ROOT / name, copy / name, ignore=left_out)
            shutil.copy(ROOT / "pyproject.toml", copy)
        yield copies


def unsound(mutants: Sequence[Mutant], tree: Path) -> list[str]:
    """What is wrong with the table: a place that is gone, a test that fails or is skipped."""
    problems = []
    for mutant in mutants:
        try:
            mutant.check(tree)
        except Stale as stale:
            problems.append(str(stale))
    if not problems:
        code, output = pytest(tree, sorted({m.test for m in mutants}), limit_s=BASELINE_S)
        if code != 0 or " skipped" in output:
            problems.append(f"the tests do not pass without a mutant:\n{output[-2000:]}")
    return problems


def tried(run: Run, mutants: Sequence[Mutant], copies: Sequence[Path]) -> list[dict[str, Any]]:
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> dict[str, Any]:
        tree = free.get()
        try:
            result = fate_of(mutant, tree)
        finally:
            free.put(tree)
        run.say(f"{result['fate']:8} {mutant.name} ({result['seconds']} s)")
        return result

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, mutants))


def fate_of(mutant: Mutant, tree: Path) -> dict[str, Any]:
    began = time.monotonic()
    with mutant.applied(tree):
        code, _ = pytest(tree, [mutant.test], limit_s=LIMIT_S)
    fates = {None: HANGS, 0: SURVIVED, FAILED: KILLED}
    return {
        "mutant": mutant.name,
        "file": mutant.file,
        "promise": mutant.promise,
        "test": mutant.test,
        "fate": fates.get(code, BROKEN),
        "seconds": round(time.monotonic() - began, 1),
    }


def pytest(tree: Path, tests: Sequence[str], *, limit_s: float) -> tuple[int | None, str]:
    """pytest's exit code (None: it had to be stopped), and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        + [f"tests/{test}" for test in tests],
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
