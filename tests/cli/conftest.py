"""`unbroken up` as a person runs it: a process, its lines, its folder, its end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNBROKEN = (sys.executable, "-m", "unbroken")
ANY_PORT = ("--port", "0", "--livekit-port", "0", "--media-port", "0")


class Command:
    """A started `unbroken` command; its output is read line by line."""

    def __init__(
        self, *words: str, environ: dict[str, str], program: Sequence[str], cwd: Path
    ) -> None:
        self.process = subprocess.Popen(
            [*program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environ},
            cwd=cwd,
        )
        self.seen: list[str] = []

    def line(self, pattern: str) -> "re.Match[str]":
        """The next line that matches; pytest's time-out bounds the wait."""
        for text in self.process.stdout:
            self.seen.append(text)
            if found := re.search(pattern, text):
                return found
        raise AssertionError(f"ended without {pattern!r}: {''.join(self.seen)}")

    def child(self, word: str) -> int:
        """The process number of the part whose command line has `word`."""
        for pid in children(self.process.pid):
            if word in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        raise AssertionError(f"no part runs {word!r}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> float:
        """Send SIGTERM and read to the end; returns the seconds that it took."""
        began_s = time.monotonic()
        self.process.terminate()
        self.seen += self.process.stdout.readlines()
        self.process.wait(timeout=60)
        return time.monotonic() - began_s


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid: int, *, within_s: float = 3.0) -> None:
    deadline = time.monotonic() + within_s
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still lives"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def livekit_server() -> str:
    """The real program; skipped where `make setup` has not built it, an error in CI."""
    for found in (
        os.environ.get("UNBROKEN_LIVEKIT_SERVER"),
        str(ROOT / ".tools" / "livekit-server"),
        shutil.which("livekit-server"),
    ):
        if found and os.access(found, os.X_OK):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("livekit-server is missing; `make setup` builds it")
    pytest.skip("livekit-server is missing; `make setup` builds it")


@contextmanager
def running(
    *words: str, environ: dict[str, str], program: Sequence[str] = UNBROKEN, cwd: Path = ROOT
) -> Iterator[Command]:
    """A command that is over when the block ends, whatever happened in it."""
    command = Command(*words, environ=environ, program=program, cwd=cwd)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.send_signal(signal.SIGKILL)
        command.process.stdout.close()
        command.process.wait()


def said(*words: str, environ: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a command that ends by itself."""
    done = subprocess.run(
        [*UNBROKEN, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environ},
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout
