"""Folders, ports, logs and health: the small pieces under the commands."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from unbroken.cli import folders, health, ports
from unbroken.cli.logfile import LOG_BYTES_MAX, LogFile
from unbroken.cli.refusal import Refusal
from unbroken.machine import data_folder


def test_the_data_folder_is_the_named_one_else_the_users_else_the_systems(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ann")
    assert data_folder({"UNBROKEN_DATA": "/x"}) == Path("/x")
    assert data_folder({"XDG_DATA_HOME": "/y"}) == Path("/y/unbroken")
    assert data_folder({}) == Path("/home/ann/.local/share/unbroken")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_folder({}) == Path("/var/lib/unbroken")


def test_looking_at_a_folder_makes_nothing(tmp_path):
    assert folders.free_bytes(tmp_path / "a" / "b") > 0
    assert folders.runs_on(tmp_path / "a") is None
    assert not (tmp_path / "a").exists()


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="file is no folder"):
        folders.free_bytes(tmp_path / "file" / "data")


def test_who_runs_on_a_folder_is_told(tmp_path):
    with folders.lock(tmp_path, whose="process 7"):
        assert folders.runs_on(tmp_path) == "process 7"
    assert folders.runs_on(tmp_path) is None


def test_a_new_folder_is_the_owners_alone(tmp_path):
    folders.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match=r"Writing to .*file/data failed: Not a directory"):
        folders.make_folder(tmp_path / "file" / "data")


def test_keys_are_made_once_and_are_the_owners_alone(tmp_path):
    keys = folders.livekit_keys(tmp_path)
    assert folders.livekit_keys(tmp_path) == keys
    assert len(keys.api_secret) >= 32
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_keys_somebody_broke_are_refused(tmp_path):
    (tmp_path / "livekit-keys.json").write_text('{"api_key": "x"}')
    with pytest.raises(Refusal, match="holds no keys; remove it"):
        folders.livekit_keys(tmp_path)


def test_the_lock_is_free_after_its_holder(tmp_path):
    with folders.lock(tmp_path, whose="the first"), pytest.raises(Refusal, match="the first"):
        folders.lock(tmp_path, whose="the second")
    folders.lock(tmp_path, whose="the third").close()


def test_a_port_of_zero_becomes_a_free_one():
    assert ports.claim(0, "x") > 0
    assert ports.claim(0, "x", udp=True) > 0


def test_a_busy_media_port_is_named(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=rf"Port {port} \(media\) is taken by .*{os.getpid()}"):
            ports.claim(port, "media", udp=True)


def test_a_log_is_bounded_and_keeps_what_came_before(tmp_path):
    log = LogFile(tmp_path / "a.log")
    chunk = b"x" * 1_000_000
    for _ in range(12):
        log.write(chunk)
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * LOG_BYTES_MAX
    again = LogFile(tmp_path / "a.log")
    assert again.path.stat().st_size == 0
    assert (tmp_path / "a.log.1").stat().st_size > 0
    again.close()


def test_a_log_on_a_full_disk_is_dropped(tmp_path):
    log = LogFile(tmp_path / "a.log")
    log._file.close()
    with Path("/dev/full").open("ab", buffering=0) as log._file:
        log.write(b"x")


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"HTTP/1.0 x y\r\n\r\n"])
async def test_what_is_not_http_is_no_answer(answer):
    async def serve(reader, writer):
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(health.NoAnswerError):
            await health.get(f"http://127.0.0.1:{port}/")


async def test_silence_is_no_answer():
    silent = socket.create_server(("127.0.0.1", 0))  # connects, and nobody accepts
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    with silent, pytest.raises(health.NoAnswerError):
        await health.get(url, timeout_s=0.1)
