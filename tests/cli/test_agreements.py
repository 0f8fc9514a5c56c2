"""What the command line says of other parts without importing them."""

import os
import tomllib
from pathlib import Path

import pytest

from agents.persona import EMBEDDED_MODEL
from unbroken.cli import folders, model
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.machine import data_folder
from unbroken.service.settings import Settings


def test_the_embedded_model_has_one_name():
    assert model.EMBEDDED_MODEL == EMBEDDED_MODEL


def test_the_data_folder_is_the_services(monkeypatch, tmp_path):
    monkeypatch.delenv("UNBROKEN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().data == data_folder(os.environ) == tmp_path / "unbroken"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({}, "state/unbroken/spool"),
        ({"UNBROKEN_DATA": "data"}, "data/spool"),
        ({"UNBROKEN_DATA": "data", "UNBROKEN_SPOOL": "spool"}, "spool"),
    ],
)
def test_one_environment_has_one_spool(monkeypatch, tmp_path, environ, folder):
    for name in ("UNBROKEN_DATA", "UNBROKEN_SPOOL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name, place in environ.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    assert Spool.open(Host(), None).folder == str(tmp_path / folder)
    assert folders.spool_folder() == tmp_path / folder


def test_all_extras_bring_nothing_that_has_to_be_compiled():
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    (named,) = extras["all"]
    assert "smollm2" not in named
    assert not any("llama" in line for extra in extras if extra in named for line in extras[extra])
