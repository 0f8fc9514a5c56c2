"""Each service has a spool of its own; the environment's has the usual one."""

import pytest

from tests.core.told import Told
from unbroken.archive.destination import Destination

URL = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def test_the_environments_service_is_kept_in_the_usual_spool(folder):
    env = Told(folder, UNBROKEN_ARCHIVE=URL, UNBROKEN_API_KEY="k")
    for where in (
        Destination.of(env),
        Destination.of(env, URL + "/"),
        Destination.of(env, key="k"),
    ):
        assert (where.url, where.key, where.folder) == (URL, "k", str(folder))
        assert where.spool().archive is None  # its keeper is told by the environment


@pytest.mark.parametrize(("url", "key"), [("http://127.0.0.1:10", None), (URL, "other")])
def test_another_service_or_key_has_a_spool_of_its_own(folder, url, key):
    env = Told(folder, UNBROKEN_ARCHIVE=URL, UNBROKEN_API_KEY="k")
    where = Destination.of(env, url, key=key)
    spool = where.spool()
    assert spool.folder.startswith(f"{folder}/archives/")
    assert (spool.archive, spool.key) == (url, key or "k")
    assert Destination.of(env, url, key=key) == where  # the same in every process
    assert spool.host_id() != Destination.of(env).spool().host_id()
    assert Destination.of(env).spool().holders() == []


def test_a_key_that_the_environment_changes_moves_no_spool(folder):
    before = Destination.of(Told(folder, UNBROKEN_API_KEY="old"), URL)
    after = Destination.of(Told(folder, UNBROKEN_API_KEY="new"), URL)
    assert before.folder == after.folder
    assert (before.key, after.key) == ("old", "new")


def test_without_settings_it_is_this_machine(folder):
    where = Destination.of(Told(folder))
    assert where.url == "http://127.0.0.1:8000"
    assert where.folder == str(folder)
