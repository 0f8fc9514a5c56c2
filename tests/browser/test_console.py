"""The unit tests of the page, console/test: by the Node that builds it, without a browser."""

import os
import subprocess

import pytest

from scripts import console
from scripts.step import ROOT

PACKAGES = ROOT / "console" / "node_modules"
HANG_S = 900  # half a minute of work, two where all cores are busy


@pytest.mark.timeout(HANG_S + 60)
def test_the_unit_tests_of_the_page_pass():
    if not PACKAGES.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "the page's packages are missing; `make setup` installs them"
        )
    npm, environ = console.npm()
    done = subprocess.run(
        [*npm, "test"],
        cwd=ROOT / "console",
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
