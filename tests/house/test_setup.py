"""The set-up: what it says when the machine lacks something, and what it leaves behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import python_env, step
from scripts.step import SetupError

ROOT = Path(__file__).parents[2]
HANG_S = 300  # ten seconds of work, on a machine that others use
NEEDED = ("Makefile", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "scripts")


def copy_house(folder: Path) -> Path:
    """What the set-up reads of this checkout, elsewhere."""
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "console").mkdir()
    (folder / "console" / "package.json").write_text("{}")
    return folder


def setup(folder: Path, *python: str, **environ: str) -> tuple[int, str]:
    command = python or (sys.executable, "-m", "scripts.setup", "run")
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_small_disk_is_told_before_anything_is_fetched(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        code, told = setup(copy_house(tmp_path))
        assert code == 1
        assert "has 0.0 GB free; the set-up needs about 3.0 GB" in told
        assert not (tmp_path / ".venv").exists()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_old_python_is_told_what_is_needed(tmp_path):
    program = (
        "import sys, runpy; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)';"
        "sys.argv = ['setup', 'run']; runpy.run_module('scripts.setup', run_name='__main__')"
    )
    code, told = setup(ROOT, sys.executable, "-c", program, PATH="/nowhere")
    assert code == 1
    assert "Python 3.11 to 3.14 is needed; this is 3.9.2" in told
    assert told.count("\n") == 1


def test_an_old_python_hands_over_to_a_newer_one(tmp_path):
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\necho "newer: $*"\n')
    newer.chmod(0o755)
    program = (
        "import sys, runpy; sys.version_info = (3, 9, 2); sys.argv = ['setup', 'run'];"
        "runpy.run_module('scripts.setup', run_name='__main__')"
    )
    code, told = setup(ROOT, sys.executable, "-c", program, PATH=str(tmp_path) + ":/bin:/usr/bin")
    assert (code, told) == (0, "newer: -m scripts.setup run\n")


def test_a_python_without_venv_is_told_what_to_install(tmp_path, monkeypatch):
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(python_env, "TOOLS", tmp_path)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(SetupError, match="apt-get install python3-venv"):
        python_env._install_uv()


OFFLINE = [  # last words of the real tools in a network namespace without a network
    "cause: failed to lookup address information: Temporary failure in name resolution",
    "dial tcp: lookup proxy.example on 10.0.0.1:53: dial udp: connect: network is unreachable",
    "npm error request to https://registry.example/x failed, reason: getaddrinfo EAI_AGAIN",
    "connection broken by 'NewConnectionError('<...>: Failed to establish a new connection')'",
]


@pytest.mark.parametrize("words", OFFLINE)
def test_a_missing_network_is_told_as_such(words):
    told = step.reason("Building it", ["something", words])
    assert told.startswith("Building it failed: its package registry cannot be reached. ")


def test_a_full_disk_is_told_as_such():
    told = step.reason("Building it", ["write /x: no space left on device"])
    assert told == (
        "Building it failed: the disk is full. Free some space and run the same command again."
    )


def test_any_other_failure_shows_the_last_words():
    with pytest.raises(SetupError, match=r"(?s)Trying failed. Its last words were:.*over here"):
        step.run("Trying", [sys.executable, "-c", "print('over here'); raise SystemExit(3)"])


def test_a_step_is_done_for_its_inputs_only(tmp_path, monkeypatch):
    monkeypatch.setattr(step, "TOOLS", tmp_path)
    assert not step.is_done("x", "1")
    step.mark_done("x", "1")
    assert step.is_done("x", "1")
    assert not step.is_done("x", "2")
    step.mark_open("x")
    assert not step.is_done("x", "1")


def test_inputs_change_with_names_and_contents():
    first = step.digest("1", ROOT / "Makefile")
    assert first == step.digest("1", ROOT / "Makefile")
    assert first != step.digest("1", ROOT / "LICENSE")
    assert step.digest("ab", "c") != step.digest("a", "bc")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("v20.19.0\n", (20, 19, 0)),
        ("uv 0.13.9 (x86_64)", (0, 13, 9)),
        ("", (0,)),
    ],
)
def test_versions_are_read_from_what_tools_say(said, version):
    assert step.version_of(said) == version


def test_a_second_set_up_waits_for_the_first(tmp_path):
    house = copy_house(tmp_path)
    (house / ".tools").mkdir()
    holder = subprocess.Popen(
        ["flock", str(house / ".tools" / "lock"), "sh", "-c", "echo held; sleep 3"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        _, told = setup(house, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "empty"))
    assert told.startswith("Another set-up is at work in this checkout; waiting for it.\n")
