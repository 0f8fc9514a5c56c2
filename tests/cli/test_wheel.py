"""The package as people install it: a wheel and what it asks for, nothing of a checkout."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from scripts import python_env
from tests.cli.conftest import ANY_PORT, ROOT, running

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> str:
    """The command of an environment of its own, with the versions that our lock file names."""
    folder = tmp_path_factory.mktemp("wheel")
    locked, python = folder / "locked.txt", folder / "env" / "bin" / "python"
    without_ours = ("--no-emit-project", "--no-default-groups", "--no-hashes")
    uv("export", "--frozen", "--quiet", "--extra", "all", *without_ours, "-o", locked)
    uv("build", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    uv("venv", "--python", sys.executable, folder / "env")
    uv("pip", "install", "--python", python, "--constraint", locked, f"{wheel}[all]")
    return str(python.with_name("unbroken"))


def uv(*words: str | Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([python_env.uv(), *words], cwd=ROOT, env=environ, check=True)


def test_the_demo_runs(unbroken, tmp_path, livekit_server):
    environ = {
        "UNBROKEN_DATA": str(tmp_path / "data"),
        "UNBROKEN_LIVEKIT_SERVER": livekit_server,
        "LIVEKIT_URL": "",
        "UNBROKEN_LLM_URL": "",
    }
    outside = {"cwd": tmp_path, "program": [unbroken]}
    with running("up", "--demo", *ANY_PORT, environ=environ, **outside) as up:
        up.line("agent +ready")
        url = up.line(r"Open (http://localhost:\d+)").group(1)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as page:
            assert '<div id="root">' in page.read().decode()
        assert up.end() < 60
