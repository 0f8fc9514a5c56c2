"""The spool is ours alone, on a disk that may refuse anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from unbroken.env import Host
from unbroken.errors import JournalUnreadable, JournalUnwritable, SettingsInvalid
from unbroken.journal import Journal
from unbroken.journal.spool import IDS_MAX, Spool

pytestmark = pytest.mark.usefixtures("at_once")

ROOT = os.geteuid() == 0


@pytest.fixture
def folder(tmp_path) -> Path:
    (found := tmp_path / "spool").mkdir(mode=0o700)
    return found


def test_a_folder_of_ours_that_is_open_to_others_is_closed(folder):
    folder.chmod(0o777)
    Spool.open(Host(), str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not ROOT, reason="only root can give a folder away")
@pytest.mark.parametrize("which", ["", "blobs"])
def test_a_folder_of_somebody_else_is_refused(folder, which):
    (folder / which).mkdir(exist_ok=True)
    os.chown(folder / which, 12345, 12345)
    with pytest.raises(SettingsInvalid, match="belongs to user 12345"):
        Spool.open(Host(), str(folder))


@pytest.mark.parametrize("which", ["", "blobs"])
def test_a_link_is_no_folder(folder, tmp_path, which):
    (tmp_path / "elsewhere").mkdir()
    where = folder / which
    if not which:
        where.rmdir()
    where.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsInvalid, match="link"):
        Spool.open(Host(), str(folder))
    if which:
        with pytest.raises(JournalUnwritable, match="link"):
            Spool(Host(), str(folder)).put_blob(Host().new_id(), "name", b"words")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "spool").write_text("")
    with pytest.raises(SettingsInvalid, match="set UNBROKEN_SPOOL"):
        Spool.open(Host(), str(tmp_path / "spool"))


async def test_no_link_in_it_is_followed(folder, tmp_path):
    (precious := tmp_path / "precious").write_bytes(b"x" * 16)
    spool = Spool.open(Host(), str(folder))
    for name in ("host.id", "keeper.log", "keeper.lock"):
        (folder / name).symlink_to(precious)
    with pytest.raises(JournalUnwritable):
        spool.host_id()
    with pytest.raises(OSError, match="symbolic links"):
        spool.env.start([sys.executable, "-c", ""], log=spool.keeper_log, variables={})
    with pytest.raises(OSError, match="symbolic links"):
        spool.env.lock(spool.keeper_lock)
    (folder / "host.id").unlink()
    header = new_header(spool.env, spool)
    for path in (f"{spool.journal(header.holder)}.new", spool.lock(header.holder)):
        Path(path).symlink_to(precious)
        with pytest.raises(JournalUnwritable):
            Journal.create(spool, header)
    assert precious.read_bytes() == b"x" * 16


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_makes_nobody_wait(folder, make):
    make(path := folder / "x")
    for use in (Host().open, lambda path: Host().open_words(path, 8), Host().lock):
        with pytest.raises(OSError, match=r"regular|directory"):
            use(str(path))


def test_all_that_start_at_once_have_one_id(folder):
    code = (
        "import sys; from unbroken.env import Host; from unbroken.journal.spool import Spool\n"
        "print(*(Spool.open(Host(), f'{sys.argv[1]}/{n}').host_id() for n in range(50)))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate(timeout=60)[0] for process in running}) == 1
    assert {process.returncode for process in running} == {0}


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 17])
def test_a_damaged_id_is_replaced_for_all(folder, content):
    (folder / "host.id").write_bytes(content)
    spool = Spool.open(Host(), str(folder))
    assert spool.host_id() == spool.host_id() == Spool.open(Host(), str(folder)).host_id()


def test_too_many_damaged_ids_are_one_clear_error(folder):
    spool = Spool.open(Host(), str(folder))
    for name in ("host.id", *(f"host.{number}.id" for number in range(1, IDS_MAX))):
        (folder / name).write_bytes(b"")
    with pytest.raises(JournalUnreadable, match="damaged"):
        spool.host_id()


def test_an_id_that_finds_no_room_is_not_there_at_all(folder):
    host = FaultyHost()
    spool = Spool.open(host, str(folder))
    host.room_bytes = 7
    with pytest.raises(JournalUnwritable, match="No space left"):
        spool.host_id()
    assert list(folder.iterdir()) == []
    host.room_bytes = None
    assert spool.host_id() == spool.host_id()


def test_a_blob_that_finds_no_room_is_not_there_at_all(folder):
    host = FaultyHost()
    spool, holder = Spool.open(host, str(folder)), host.new_id()
    host.room_bytes = 7
    with pytest.raises(JournalUnwritable, match="No space left"):
        spool.put_blob(holder, "name", b"x" * 100)
    assert list((folder / "blobs").iterdir()) == []
    host.room_bytes = None
    spool.put_blob(holder, "name", b"x" * 100)
    assert spool.get_blob(holder, "name") == b"x" * 100


def test_all_of_a_holder_leaves_together(folder):
    spool, holder = Spool.open(Host(), str(folder)), Host().new_id()
    spool.ack(holder).close()
    spool.put_blob(holder, "name", b"x")
    for part in range(3):
        Path(spool.journal(holder, part)).write_bytes(b"x")
    spool.remove(holder)
    assert [path.name for path in folder.rglob("*")] == ["blobs"]


@pytest.mark.parametrize("bytes_there", [0, 8, 255, 256])
def test_words_have_their_room_from_the_beginning(folder, bytes_there):
    """A page that is a hole kills who touches it, when the disk is full."""
    path = folder / "x.ack"
    with path.open("wb") as file:
        file.write(b"\1" * min(bytes_there, 8))
        file.truncate(bytes_there)
    words = Host().open_words(str(path), 32)
    found = path.stat()
    assert found.st_size == 256
    assert found.st_blocks * 512 >= 256
    assert words[0] == (0x0101010101010101 if bytes_there else 0)
    words.close()


@pytest.fixture
def full(tmp_path):
    """A disk with room for one page more."""
    if not ROOT:
        pytest.skip("only root can mount a small disk")
    (disk := tmp_path / "disk").mkdir()
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", disk])
    yield disk
    subprocess.check_call(["umount", "-l", disk])


def test_words_on_a_full_disk_are_an_error_and_no_death(full):
    host = Host()
    with pytest.raises(OSError, match="No space left"):
        for number in range(100):
            words = host.open_words(str(full / str(number)), 32)
            words[31] = 1
            words.close()
    (hollow := full / "hollow").touch()
    os.truncate(hollow, 256)
    with pytest.raises(OSError, match="No space left"):
        host.open_words(str(hollow), 32)


async def test_a_journal_on_a_full_disk_leaves_nothing_or_heals(full):
    spool = Spool.open(Host(), str(full))
    header = new_header(spool.env, spool)
    filled = full / "fill"
    with pytest.raises(OSError, match="No space left"):
        filled.write_bytes(b"x" * (1 << 20))
    before = sorted(path.name for path in full.iterdir())
    with pytest.raises(JournalUnwritable, match="No space left"):
        Journal.create(spool, header)
    assert sorted(path.name for path in full.iterdir()) == before
    os.truncate(filled, filled.stat().st_size - 4096)  # room for the ack file, and no more
    journal = Journal.create(spool, header)
    journal.append("note", b"{}")
    assert journal.degraded == "journal: No space left on device"
    filled.unlink()
    journal.append("note", b"{}")
    assert (journal.written, journal.degraded) == (2, None)
    journal.close("left")


def test_a_read_only_disk_is_one_sentence(full):
    spool = Spool.open(Host(), str(full))
    subprocess.check_call(["mount", "-o", "remount,ro", full])
    for use in (spool.host_id, lambda: spool.put_blob(Host().new_id(), "name", b"x")):
        with pytest.raises(JournalUnwritable, match="Read-only"):
            use()
    with pytest.raises(SettingsInvalid, match="Read-only"):
        Spool.open(Host(), str(full / "spool"))
