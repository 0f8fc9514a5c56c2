"""Commands that end by themselves: what they say, and their exit codes."""

import pytest

from tests.cli.conftest import running, said


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
    assert "rejoin_s" in told


def test_the_doctor_names_what_is_bad(tmp_path):
    (tmp_path / "file").write_text("")
    environ = {"UNBROKEN_DATA": str(tmp_path / "file" / "x"), "UNBROKEN_SPOOL": str(tmp_path / "s")}
    code, told = said("doctor", environ=environ)
    assert code == 1
    assert "BAD data folder: Writing to" in told
    assert "ok  spool" in told


def test_a_keeper_ends_when_told(tmp_path):
    with running("keep", environ={"UNBROKEN_SPOOL": str(tmp_path)}) as keeper:
        keeper.line("keeper started")
        assert keeper.end() < 3
        assert keeper.process.returncode == 0
