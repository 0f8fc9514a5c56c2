"""A service as a process of its own, as measurements need it."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.service.servers import SERVE, free_port


class ServiceProcess:
    """A service process on a folder and a port of its own, that can be killed and started."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.port, self._variables = folder, free_port(), variables
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        self.log = folder / "log"

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, folder: Path, **variables: str) -> AsyncIterator["ServiceProcess"]:
        self = cls(folder, **variables)
        await self.start()
        try:
            yield self
        finally:
            self.kill()

    async def start(self) -> float:
        """Seconds until it is ready."""
        began = time.monotonic()
        self._launch()
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return time.monotonic() - began
                await asyncio.sleep(0.02)

    def _launch(self) -> None:
        environ = {
            "UNBROKEN_DATA": str(self.folder),
            "UNBROKEN_PORT": str(self.port),
            "LIVEKIT_URL": "ws://127.0.0.1:9",
        } | self._variables
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(SERVE, env=environ, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def forget_memory(self) -> None:
        """The most that it has had counts from here."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def memory_mb(self, name: str = "VmHWM") -> int:
        """The most that it had; with `VmRSS` what it has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith(name))
        return int(line.split()[1]) // 1_024
