"""The process: how it starts, and how it ends."""

import contextlib
import signal
import socket
import subprocess
import time

import httpx
import pytest

from tests.service.servers import SERVE, await_answer, free_port, running
from unbroken.errors import SettingsInvalid
from unbroken.service.server import bind
from unbroken.service.settings import Settings

HANG_S = 15  # against hanging: a second on a machine that is not busy with tests


@contextlib.contextmanager
def started(tmp_path, **variables):
    port = free_port()
    environ = {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_PORT": str(port)} | variables
    with running(SERVE, tmp_path / "log", **environ) as process:
        await_answer(f"http://127.0.0.1:{port}/healthz")
        yield process, port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_though_connections_are_open(tmp_path, number):
    with started(tmp_path) as (process, port), httpx.Client(trust_env=False) as client:
        client.get(f"http://127.0.0.1:{port}/healthz")  # kept alive
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"POST /api/v1/journal HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            with socket.create_connection(("127.0.0.1", port)) as waiting:
                waiting.sendall(
                    b"POST /api/v1/journal HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 100\r\n\r\nhalf"
                )
                time.sleep(0.2)
                process.send_signal(number)
                assert process.wait(HANG_S) == 0
    assert not (tmp_path / "data" / "unbroken.sqlite-wal").exists()


def test_a_busy_port_is_said_clearly():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsInvalid, match=f"port {port} .* in use"):
            bind(Settings(port=port))


def test_a_second_service_on_the_same_data_is_refused(tmp_path):
    with started(tmp_path):
        environ = {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_PORT": str(free_port())}
        with running(SERVE, tmp_path / "second", **environ) as second:
            assert second.wait(60) != 0
        assert "another service already writes" in (tmp_path / "second").read_text()


def test_a_bad_variable_is_named(tmp_path):
    said = subprocess.run(
        SERVE, env={"UNBROKEN_PORT": "many"}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "UNBROKEN_PORT" in said.stderr


def test_a_short_secret_of_livekits_is_no_warning_at_each_request(tmp_path):
    short = {"LIVEKIT_API_SECRET": "secret", "LIVEKIT_URL": "ws://127.0.0.1:9"}
    with started(tmp_path, **short) as (_, port), httpx.Client(trust_env=False) as client:
        for _ in range(2):
            answer = client.get(f"http://127.0.0.1:{port}/api/v1/rooms")
            assert answer.json()["code"] == "room_server_unavailable"
    log = (tmp_path / "log").read_text()
    assert "service started" in log
    assert "Warning" not in log


def test_a_short_secret_is_not_told_at_each_token(tmp_path):
    short = {
        "LIVEKIT_URL": "ws://127.0.0.1:9",
        "LIVEKIT_API_KEY": "devkey",
        "LIVEKIT_API_SECRET": "secret",
    }
    with started(tmp_path, **short) as (_, port), httpx.Client(trust_env=False) as client:
        asked = client.post(f"http://127.0.0.1:{port}/api/v1/rooms", json={"name": "r"})
    assert asked.status_code == 503  # it has signed what it asked LiveKit
    log = (tmp_path / "log").read_text()
    assert "service started" in log
    assert "HMAC" not in log
