"""Real servers for tests: each in a folder of its own, on loopback, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

KEY, SECRET = "devkey", "secretsecretsecretsecretsecretsecret"
CHECKOUT = Path(__file__).parents[2]
START_S = 60  # a loaded machine takes 20
SERVE = [sys.executable, "-m", "unbroken", "serve"]


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


class LiveKit:
    """A livekit-server with keys KEY and SECRET that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        port, media = free_port(), free_port(socket.SOCK_DGRAM)
        self._folder = folder
        self._config = folder / "livekit.yaml"
        self._config.write_text(
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
        self.url = f"ws://127.0.0.1:{port}"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen]:
        command = [livekit_program(), "--config", str(self._config)]
        with running(command, self._folder / "livekit.log") as process:
            await_answer(self.url.replace("ws://", "http://"))
            yield process


@contextmanager
def livekit_server(folder: Path) -> Iterator[str]:
    """A livekit-server with keys KEY and SECRET; its ws:// address."""
    livekit = LiveKit(folder)
    with livekit.running():
        yield livekit.url


@contextmanager
def service(folder: Path, livekit_url: str, **variables: str) -> Iterator[str]:
    """`unbroken.service.run` in a process of its own; its address."""
    with service_process(folder, livekit_url, **variables) as (_, url):
        yield url


@contextmanager
def service_process(
    folder: Path, livekit_url: str, **variables: str
) -> Iterator[tuple[subprocess.Popen, str]]:
    port = free_port()
    environ = {
        "UNBROKEN_DATA": str(folder / "data"),
        "UNBROKEN_PORT": str(port),
        "LIVEKIT_URL": livekit_url,
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
    }
    with running(SERVE, folder / "service.log", **environ, **variables) as process:
        await_answer(f"http://127.0.0.1:{port}/healthz")
        yield process, f"http://127.0.0.1:{port}"


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("UNBROKEN_", "LIVEKIT_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=environ | variables,
            cwd=log.parent,
            start_new_session=True,  # its children end with it
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_answer(url: str, within_s: float = START_S) -> None:
    end = time.monotonic() + within_s
    while True:
        try:
            httpx.get(url, trust_env=False, timeout=2)
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
