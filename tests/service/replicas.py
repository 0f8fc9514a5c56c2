"""Several services on one PostgreSQL: `unbroken serve`, each in a process that can be killed."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.service.servers import KEY, SECRET, await_answer, free_port, running

PROGRAM = Path(sys.executable).with_name("unbroken")


class Replica:
    """One service, always at the same port. `folder` has the blobs, which all share."""

    def __init__(self, folder: Path, database: str, livekit_url: str, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [str(PROGRAM), "serve", "--port", str(self.port), "--database", database]
        self._log = folder / f"service-{self.port}.log"
        self._variables = variables | {
            "UNBROKEN_DATA": str(folder / "data"),
            "LIVEKIT_URL": livekit_url,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
        }
        self._running = ExitStack()
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = self._running.enter_context(
            running(self._command, self._log, **self._variables)
        )
        await_answer(f"{self.url}/healthz")

    def kill(self) -> None:
        """SIGKILL, whatever it does at this moment."""
        self._running.close()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")
