"""Commands that end by themselves: what they say, and their exit codes."""

import json
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.cli.conftest import running, said
from unbroken.cli import folders, ports


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--help"], 0, "Durable state for LiveKit voice agents."),
        (["--version"], 0, "0."),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["up", "--port", "99999"], 2, "less than or equal to 65535"),
        (["serve", "--host", "192.0.2.1"], 2, "UNBROKEN_API_KEY"),
    ],
)
def test_commands_say_what_is_wrong(words, code, text):
    found, told = said(*words, environ={"UNBROKEN_API_KEY": ""})
    assert found == code
    assert text in told
    assert "Traceback" not in told


def test_a_wrong_setting_is_one_sentence(tmp_path):
    environ = {"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_REJOIN_S": "soon"}
    code, told = said("serve", environ=environ)
    assert (code, told.count("\n")) == (2, 1)
    assert "UNBROKEN_REJOIN_S" in told


def test_the_doctor_names_what_is_bad_with_its_fix_and_makes_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    environ = {"UNBROKEN_DATA": str(tmp_path / "file" / "x"), "UNBROKEN_SPOOL": str(tmp_path / "s")}
    code, told = said("doctor", environ=environ)
    assert code == 1
    line = next(line for line in told.splitlines() if line.startswith("BAD data folder: Writing"))
    assert line.endswith("Fix: set UNBROKEN_DATA to a folder of your own.")
    assert "ok  spool" in told
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_doctor_knows_a_set_up_that_runs(tmp_path):
    port = ports.claim(0, "service")
    environ = {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_API_KEY": "k" * 16}
    with running("serve", "--port", str(port), environ=environ) as service:
        service.line("service started")
        (tmp_path / "data").mkdir(exist_ok=True)
        with folders.lock(tmp_path / "data", whose=f"process 7, http://localhost:{port}"):
            _, told = said("doctor", "--json", environ=environ)
    found = {check["name"]: check for check in json.loads(told)["checks"]}
    assert found["unbroken up"]["said"] == f"runs (process 7, http://localhost:{port})"
    assert found["service"]["ok"]
    assert "service port" not in found
    assert "LiveKit port" not in found


def test_a_misspelt_setting_is_named_with_the_nearest_one(tmp_path):
    environ = {"UNBROKEN_SPOOOL": "x", "UNBROKEN_DATA": str(tmp_path)}
    code, told = said("doctor", "--json", environ=environ)
    assert code == 1
    assert told.startswith("UNBROKEN_SPOOOL is not a setting: did you mean UNBROKEN_SPOOL?\n")


def test_a_keeper_ends_when_told(tmp_path):
    with running("keep", environ={"UNBROKEN_SPOOL": str(tmp_path)}) as keeper:
        keeper.line("keeper started")
        assert keeper.end() < 3
        assert keeper.process.returncode == 0


def test_a_keeper_under_a_supervisor_waits_for_another_and_says_when_it_is_ready(tmp_path):
    environ = {"UNBROKEN_SPOOL": str(tmp_path / "spool")}
    assert said("keep", "--check", environ=environ)[0] == 1
    with running("keep", environ=environ) as first, socket_at(tmp_path / "notify") as told:
        first.line("keeper started")
        assert said("keep", environ=environ)[0] == 3
        assert said("keep", "--check", environ=environ)[0] == 0
        supervised = environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running("keep", "--forever", environ=supervised) as second:
            second.line("another keeper ships this spool")
            assert told.recv(100) == b"READY=1"
            first.end()
            second.line("keeper started")
            second.end()
            assert second.process.returncode == 0


def test_a_keeper_whose_settings_are_wrong_says_so_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    code, told = said("keep", environ={"UNBROKEN_SPOOL": str(tmp_path / "file" / "x")})
    assert code == 1
    assert "set UNBROKEN_SPOOL to a folder of your own" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "url", ["nope", "http://", "ftp://x", "http://[::1", "http://x:99999", ","]
)
def test_a_keeper_for_which_there_can_be_no_service_does_not_begin(tmp_path, url):
    environ = {"UNBROKEN_SPOOL": str(tmp_path / "spool"), "UNBROKEN_ARCHIVE": url}
    code, told = said("keep", "--forever", environ=environ)
    assert code == 1
    assert "its URL begins with http:// or https://" in told
    assert "Traceback" not in told
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(("module", "extra"), [("typer", "cli"), ("fastapi", "service")])
def test_what_an_extra_brings_is_asked_for_by_its_command(module, extra):
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['unbroken', 'serve']; "
        "from unbroken.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"pip install 'unbroken[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_thread_that_would_abort_the_interpreter_at_its_end_costs_no_exit_code():
    code = (
        "import atexit, os, sys; atexit.register(os.abort); sys.argv = ['unbroken', {word!r}]; "
        "from unbroken.cli import main; main()"
    )
    for word, expected in (("--version", 0), ("bogus", 2)):
        run = [sys.executable, "-c", code.format(word=word)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == expected
        assert done.stdout or done.stderr


@contextmanager
def socket_at(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(30)
        yield listening
