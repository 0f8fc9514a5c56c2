"""What the command line says of other parts without importing them."""

import os

from agents.persona import EMBEDDED_MODEL
from unbroken.cli import folders, model
from unbroken.env import Host
from unbroken.service.settings import Settings
from unbroken.spool import Spool


def test_the_embedded_model_has_one_name():
    assert model.EMBEDDED_MODEL == EMBEDDED_MODEL


def test_the_data_folder_is_the_services(monkeypatch, tmp_path):
    monkeypatch.delenv("UNBROKEN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().data == folders.data_folder(os.environ) == tmp_path / "unbroken"


def test_the_spool_is_the_agents(monkeypatch, tmp_path):
    monkeypatch.delenv("UNBROKEN_DATA", raising=False)
    monkeypatch.delenv("UNBROKEN_SPOOL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    spool = Spool.open(Host(), None)
    assert spool.folder == str(folders.spool_folder(os.environ))
