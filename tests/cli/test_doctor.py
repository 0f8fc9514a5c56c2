"""`unbroken doctor`: whatever is bad is said with what mends just that."""

import importlib
import os
import socket
import sys
from contextlib import contextmanager

import pytest
import typer

doctor = importlib.import_module("unbroken.cli.doctor")  # the package has the command by this name

LIVEKIT_AGENTS = "pip install 'unbroken[all]'."
PROGRAM = "install it, or name it in UNBROKEN_LIVEKIT_SERVER."
NAMED = "start it, or unset LIVEKIT_URL."
REDIS = "start it, or unset UNBROKEN_REDIS: nothing needs it."
DATA = "set UNBROKEN_DATA to a folder of your own."
SPOOL = "set UNBROKEN_SPOOL to a folder of your own."
SETTING = "rename it, or unset it."
SERVICE_PORT = "end that process, or choose another port with --port."
LIVEKIT_PORT = "end that process, or choose another with --livekit-port."
BAD_ENVIRONMENT = [  # what is set, which checks are bad then, and what mends it
    ({"UNBROKEN_LIVEKIT_SERVER": "/bin/false"}, ["livekit-server"], PROGRAM),
    ({"LIVEKIT_URL": "ws://127.0.0.1:{free}"}, ["livekit-server"], NAMED),
    ({"LIVEKIT_URL": "http://127.0.0.1:{free}"}, ["livekit-server"], NAMED),
    ({"UNBROKEN_REDIS": "redis://127.0.0.1:1/0"}, ["Redis"], REDIS),
    ({"UNBROKEN_REDIS": "http://x"}, ["Redis"], REDIS),
    ({"UNBROKEN_DATA": "{file}/x"}, ["data folder"], DATA),
    ({"UNBROKEN_SPOOL": "{file}/x"}, ["spool", "keeper"], SPOOL),
    ({"UNBROKEN_SPOOOL": "x"}, ["setting"], SETTING),
]


@pytest.fixture
def good(tmp_path, monkeypatch):
    """An environment in which nothing is bad: what is made in it, by name."""
    for name in [n for n in os.environ if n.startswith(("UNBROKEN_", "LIVEKIT_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNBROKEN_LIVEKIT_SERVER", "/bin/true")
    monkeypatch.setenv("UNBROKEN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("UNBROKEN_SPOOL", str(tmp_path / "spool"))
    with taken() as port:
        return {"file": tmp_path / "file", "free": port}


@contextmanager
def taken():
    """A port at which somebody is who does not answer."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        yield other.getsockname()[1]


@pytest.fixture
def bad(capsys, good, monkeypatch):
    """The lines of `unbroken doctor` about what is bad, and its exit code."""

    def looked(environ=None, **ports):
        for key, value in (environ or {}).items():
            monkeypatch.setenv(key, value.format_map(good))
        code = 0
        try:
            doctor.doctor(**{"port": good["free"], "livekit_port": good["free"]} | ports)
        except typer.Exit as ended:
            code = ended.exit_code
        lines = capsys.readouterr().out.splitlines()
        return [line for line in lines if line.startswith("BAD")], code

    return looked


def test_where_nothing_is_bad_no_fix_is_told(bad):
    assert bad() == ([], 0)


@pytest.mark.parametrize(("environ", "names", "fix"), BAD_ENVIRONMENT)
def test_a_bad_line_ends_with_its_fix(bad, environ, names, fix):
    lines, code = bad(environ)
    assert [line.partition(": ")[0] for line in lines] == [f"BAD {name}" for name in names]
    assert all(line.endswith(f" Fix: {fix}") for line in lines)
    assert code == 1


@pytest.mark.parametrize(
    ("option", "name", "fix"),
    [("port", "service port", SERVICE_PORT), ("livekit_port", "LiveKit port", LIVEKIT_PORT)],
)
def test_a_port_that_is_taken_is_bad_with_its_fix(bad, option, name, fix):
    with taken() as port:
        (line,), code = bad(**{option: port})
    assert line.startswith(f"BAD {name}: Port {port} ")
    assert line.endswith(f" Fix: {fix}")
    assert code == 1


def test_a_livekit_that_is_not_installed_is_bad_with_its_fix(good, monkeypatch):
    (check,) = [c for c in doctor._checks(good["free"], good["free"]) if c[0] == "livekit-agents"]
    monkeypatch.setattr(sys, "path", [])  # where packages would be found
    assert doctor._look(check) == ("livekit-agents", "it is not installed.", LIVEKIT_AGENTS)


def test_each_check_that_can_be_bad_is_so_in_one_of_these_tests(good, monkeypatch):
    """A new check needs a line above, with what mends it."""
    found = set()
    livekit, redis = {"LIVEKIT_URL": "ws://127.0.0.1:1"}, {"UNBROKEN_REDIS": "redis://127.0.0.1:1"}
    for environ in ({}, livekit, redis, {"UNBROKEN_SPOOOL": "x"}):
        with monkeypatch.context() as set_:
            for key, value in environ.items():
                set_.setenv(key, value)
            checks = doctor._checks(good["free"], good["free"])
            found |= {(name, fix) for name, _, fix in checks if fix}
    assert found == {(name, fix) for _, names, fix in BAD_ENVIRONMENT for name in names} | {
        ("livekit-agents", LIVEKIT_AGENTS),
        ("service port", SERVICE_PORT),
        ("LiveKit port", LIVEKIT_PORT),
    }


def test_a_redis_that_answers_is_told_and_its_password_is_not(bad, redis, monkeypatch, capsys):
    monkeypatch.setenv("UNBROKEN_REDIS", redis.url)
    assert doctor._redis(redis.url) == "the one that UNBROKEN_REDIS names answers"
    lines, code = bad({"UNBROKEN_REDIS": redis.url.replace("//", "//ann:hunter2@")})
    assert code == 1
    assert "AuthenticationError" in "".join(lines)
    assert "hunter2" not in "".join(lines)
