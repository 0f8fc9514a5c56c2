"""Programs of the tests that only Debian has: Chromium, and the proxy of the installation."""

import os
import shutil

from scripts import say, step
from scripts.step import SetupError

NAMES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "haproxy": ("haproxy", "/usr/sbin/haproxy"),
}


def prepare() -> None:
    """Install what is missing, if we are root.

    Elsewhere its absence is told, and its tests are skipped; in CI it is an error.
    """
    missing = [package for package, names in NAMES.items() if not any(map(shutil.which, names))]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install(missing)
    elif os.environ.get("CI") == "true":
        raise SetupError(f"Missing, and CI must run the tests of it: {', '.join(missing)}.")
    else:
        say.line(f"Not installed, its tests will be skipped: {', '.join(missing)}.")


def _install(packages: list[str]) -> None:
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    step.run("Reading the package lists", ["apt-get", "update"], env=env)
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    step.run(f"Installing {' and '.join(packages)}", command, env=env)
