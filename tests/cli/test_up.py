"""`unbroken up` with the real livekit-server and the real service."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
import redis

from tests.cli.conftest import ANY_PORT, children, running, said, wait_until_dead
from tests.redis_server import binary
from unbroken.cli import remains

pytestmark = pytest.mark.e2e


@pytest.fixture
def environ(tmp_path, livekit_server) -> dict[str, str]:
    return {
        "UNBROKEN_DATA": str(tmp_path / "data"),
        "UNBROKEN_LIVEKIT_SERVER": livekit_server,
        "LIVEKIT_URL": "",
        "UNBROKEN_LLM_URL": "",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }


def fetch(url: str) -> dict[str, object]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as answer:
        return json.load(answer)


def test_it_starts_restarts_and_ends_everything(environ, tmp_path):
    with running("up", "--no-agent", *ANY_PORT, environ=environ) as up:
        url = up.line(r"Open (http://localhost:\d+)").group(1)
        assert fetch(f"{url}/healthz") == {"status": "ok"}
        for name in ("livekit-keys.json", "livekit.yaml"):
            assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600

        old = up.child("--config")
        os.kill(old, signal.SIGKILL)
        up.line(r"livekit-server ended \(signal 9, Killed\); starting it again in 0.5 s")
        up.line("livekit-server +ready again")
        assert up.child("--config") != old

        code, told = said("up", "--no-agent", *ANY_PORT, environ=environ)
        assert code == 2
        assert f"already running on {tmp_path / 'data'}: process {up.process.pid}, {url}" in told
        assert told.count("\n") == 1

        parts = children(up.process.pid)
        assert len(parts) == 2
        assert up.end() < 5
        assert up.process.returncode == 0
        for pid in parts:
            wait_until_dead(pid, within_s=0)


def test_the_assistant_works_and_comes_back(environ):
    with running("up", "--demo", *ANY_PORT, environ=environ) as up:
        up.line("agent +ready")
        up.line("The written assistant answers")
        url = up.line(r"Open (http://localhost:\d+)").group(1)
        system = fetch(f"{url}/api/v1/system")
        assert system["model"] == "written"
        assert system["demo"] is True
        os.kill(up.child("agents.worker"), signal.SIGKILL)
        up.line("agent +ready again")
        assert up.end() < 5


def test_the_small_model_is_started_when_it_is_asked_for(environ):
    with running("up", "--model", "smollm2", *ANY_PORT, environ=environ) as up:
        up.line("language model +ready")
        up.line("smollm2-135m, a very small model on this machine, answers")
        url = up.line(r"Open (http://localhost:\d+)").group(1)
        assert fetch(f"{url}/api/v1/system")["model"] == "smollm2-135m"
        assert up.end() < 5


def test_a_redis_is_started_when_it_is_asked_for_and_agents_are_told(environ, tmp_path):
    environ |= {"UNBROKEN_REDIS_SERVER": binary(), "UNBROKEN_REDIS": ""}
    with running("up", "--no-agent", "--redis", *ANY_PORT, environ=environ) as up:
        url = up.line(r"Redis is at (redis://\S+); agents have it in UNBROKEN_REDIS").group(1)
        service = up.child("unbroken\0serve")
        told = Path(f"/proc/{service}/environ").read_text().split("\0")
        assert f"UNBROKEN_REDIS={url}" in told
        with redis.Redis.from_url(url) as client:
            assert client.set("a", "b")
            assert client.config_get("bind")["bind"] == "127.0.0.1"
            assert client.config_get("save")["save"] == ""
        os.kill(up.child("redis-server"), signal.SIGKILL)
        up.line("redis-server +ready again")
        with redis.Redis.from_url(url) as client:
            assert client.get("a") is None
        assert up.end() < 5
    assert not list((tmp_path / "data").rglob("*.rdb"))


def test_a_redis_that_is_not_there_or_there_already_is_one_sentence(environ):
    words = ("up", "--no-agent", "--redis", *ANY_PORT)
    code, told = said(*words, environ=environ | {"PATH": "/nowhere", "UNBROKEN_REDIS": ""})
    assert (code, told.count("\n")) == (2, 1)
    assert "redis-server was not found, and nothing needs it" in told
    code, told = said(*words, environ=environ | {"UNBROKEN_REDIS": "redis://x"})
    assert (code, told.count("\n")) == (2, 1)
    assert "UNBROKEN_REDIS names a Redis already" in told


def test_livekit_is_told_none_of_our_secrets(environ):
    environ |= {"UNBROKEN_API_KEY": "k" * 16, "OPENAI_API_KEY": "another's secret"}
    with running("up", "--no-agent", *ANY_PORT, environ=environ) as up:
        up.line("Open ")
        told = Path(f"/proc/{up.child('--config')}/environ").read_text()
        assert not re.search("UNBROKEN|API|SECRET", told)


def test_livekit_listens_on_this_machine_only(environ):
    with running("up", "--no-agent", *ANY_PORT, environ=environ) as up:
        up.line("Open ")
        server = up.child("--config")
        inodes = {
            str(link.readlink())[8:-1]
            for link in Path(f"/proc/{server}/fd").iterdir()
            if str(link.readlink()).startswith("socket:")
        }
        found = [
            row.split()[1].split(":")[0]
            for table in ("tcp", "tcp6", "udp", "udp6")
            for row in Path(f"/proc/{server}/net/{table}").read_text().splitlines()[1:]
            if row.split()[9] in inodes and row.split()[2].endswith(":0000")
        ]
        assert len(found) == 2  # one for signals, one for sound
        assert set(found) == {"0100007F"}
        up.end()


def test_parts_die_with_a_killed_supervisor(environ):
    with running("up", "--no-agent", *ANY_PORT, environ=environ) as up:
        up.line("Open ")
        parts = children(up.process.pid)
        up.signal(signal.SIGKILL)
        for pid in parts:
            wait_until_dead(pid)


def test_journals_that_were_left_are_shipped_and_their_keeper_ends(environ, tmp_path):
    spool = tmp_path / "data" / "spool"
    spool.mkdir(parents=True)
    (spool / f"{uuid.uuid4()}.journal").write_bytes(b"not a journal")
    with running("up", "--no-agent", *ANY_PORT, environ=environ) as up:
        up.line("Open ")
        deadline_s = time.monotonic() + 10
        while (keeper := remains.keeper_of(spool)) is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        up.end()
    wait_until_dead(keeper, within_s=1)


def test_a_busy_port_is_one_sentence_that_names_it(environ):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = said("up", "--no-agent", "--port", str(port), environ=environ)
    assert code == 2
    assert f"Port {port} (service, --port) is taken by " in told
    assert f"(process {os.getpid()})" in told
    assert told.count("\n") == 1


def test_a_part_that_cannot_start_is_told_with_its_log(environ, tmp_path):
    broken = tmp_path / "broken-server"
    broken.write_text("#!/bin/sh\necho this server is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    environ["UNBROKEN_LIVEKIT_SERVER"] = str(broken)
    code, told = said("up", "--no-agent", *ANY_PORT, environ=environ)
    assert code == 1
    assert "livekit-server cannot be started: exit code 3" in told
    assert "this server is broken" in told


def test_an_unknown_agent_is_one_sentence(environ):
    code, told = said("up", "--agent", "no.such.module", *ANY_PORT, environ=environ)
    assert (code, told.count("\n")) == (2, 1)
    assert "no agent module no.such.module" in told


def test_a_livekit_of_somebody_elses_needs_its_keys(environ):
    environ |= {"LIVEKIT_URL": "wss://example.test", "LIVEKIT_API_KEY": ""}
    code, told = said("up", "--no-agent", *ANY_PORT, environ=environ)
    assert (code, told.count("\n")) == (2, 1)
    assert "LIVEKIT_API_KEY" in told


def test_a_full_disk_is_one_sentence(environ, small_disk):
    environ["UNBROKEN_DATA"] = str(small_disk / "data")
    code, told = said("up", "--no-agent", *ANY_PORT, environ=environ)
    assert (code, told.count("\n")) == (1, 1)
    assert "is full" in told


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
