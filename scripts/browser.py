"""Chromium for the browser tests: the machine's own, or Debian's where we may install it."""

import os
import shutil

from scripts import say, step
from scripts.step import SetupError

NAMES = ("chromium", "chromium-browser", "google-chrome")


def prepare() -> None:
    """Install Chromium if it is missing and we are root.

    Elsewhere its absence is told, and the browser tests are skipped; in CI it is an error.
    """
    if any(shutil.which(name) for name in NAMES):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
    elif os.environ.get("CI") == "true":
        raise SetupError("Chromium is missing, and CI must run the browser tests.")
    else:
        say.line("Chromium is not installed: the browser tests will be skipped.")


def _install() -> None:
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    step.run("Reading the package lists", ["apt-get", "update"], env=env)
    command = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    step.run("Installing Chromium", command, env=env)
