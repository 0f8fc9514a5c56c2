"""Real servers for tests: each in a folder of its own, on loopback, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

KEY, SECRET = "devkey", "secretsecretsecretsecretsecretsecret"
CHECKOUT = Path(__file__).parents[2]
START_S = 20


def free_port(kind=socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def livekit_program() -> str:
    named = os.environ.get("UNBROKEN_LIVEKIT_SERVER")
    for found in (named, CHECKOUT / ".tools/livekit-server", shutil.which("livekit-server")):
        if found and os.access(found, os.X_OK) and Path(found).is_file():
            return str(found)
    pytest.skip("no livekit-server: `make run` builds it, or set UNBROKEN_LIVEKIT_SERVER")


@contextmanager
def livekit_server(folder: Path) -> Iterator[str]:
    """A livekit-server with keys KEY and SECRET; its ws:// address."""
    port, media = free_port(), free_port(socket.SOCK_DGRAM)
    config = folder / "livekit.yaml"
    config.write_text(
        f"""\
port: {port}
bind_addresses: ["127.0.0.1"]
keys: {{{KEY}: {SECRET}}}
rtc:
  tcp_port: 0
  udp_port: {media}
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  ips: {{includes: ["127.0.0.1/32"]}}
logging: {{level: warn, json: false}}
""",
        encoding="utf-8",
    )
    with running([livekit_program(), "--config", str(config)], folder / "livekit.log"):
        await_answer(f"http://127.0.0.1:{port}/")
        yield f"ws://127.0.0.1:{port}"


@contextmanager
def service(folder: Path, livekit_url: str, **variables: str) -> Iterator[str]:
    """`unbroken.service.run` in a process of its own; its address."""
    port = free_port()
    environ = {
        "UNBROKEN_DATA": str(folder / "data"),
        "UNBROKEN_PORT": str(port),
        "LIVEKIT_URL": livekit_url,
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
    }
    program = [sys.executable, "-c", "import unbroken.service as s; s.run()"]
    with running(program, folder / "service.log", **environ, **variables):
        await_answer(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("UNBROKEN_", "LIVEKIT_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environ | variables, cwd=log.parent
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def await_answer(url: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            httpx.get(url, trust_env=False, timeout=2)
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
