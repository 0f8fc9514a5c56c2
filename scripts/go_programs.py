"""What only the tests need and is written in Go: compiled once, then kept in .tools."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from scripts import livekit, say, step
from scripts.step import ROOT, TOOLS, SetupError

COMPOSE = ROOT / "scripts" / "compose"


class GoProgram(NamedTuple):
    """`package` is installed from folder `cwd`, under the name `name`."""

    name: str
    version: str
    what: str
    package: str
    cwd: Path = ROOT

    @property
    def path(self) -> Path:
        return TOOLS / self.name

    def is_ready(self) -> bool:
        return os.access(self.path, os.X_OK) and step.is_done(self.name, self.version)


def programs() -> tuple[GoProgram, ...]:
    sources = step.digest(*(COMPOSE / name for name in ("go.mod", "go.sum", "main.go")))
    gateway = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
    return (
        GoProgram("versitygw", "1.8.0", "the S3 server (minutes the first time)", gateway),
        GoProgram("compose", sources, "compose's own reader of its files", ".", COMPOSE),
    )


def are_ready() -> bool:
    return all(program.is_ready() for program in programs())


def prepare() -> None:
    """After it, .tools has the programs in these versions.

    Where one cannot be built this is told, and its tests are skipped; in CI it is an error.
    """
    for program in programs():
        try:
            _prepare(program)
        except SetupError as error:
            if os.environ.get("CI") == "true":
                raise
            say.line(f"{error}\nWithout it the tests of {program.name} will be skipped.")


def _prepare(program: GoProgram) -> None:
    if program.is_ready():
        return
    folder = step.scratch(program.name)
    env = {**livekit.GO_ENV, "GOFLAGS": "", "GOBIN": str(folder)}
    title = f"Building {program.name} for the tests, {program.what}"
    install = ["install", "-v", program.package]
    step.run(title, [livekit.go(), *install], env=env, cwd=program.cwd)
    (folder / program.name).replace(program.path)
    shutil.rmtree(folder)
    step.mark_done(program.name, program.version)
