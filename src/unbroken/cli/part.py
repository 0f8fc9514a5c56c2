"""Part: one process that `unbroken up` keeps alive, and that process while it runs."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
READ_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    command: tuple[str, ...]
    health_url: str  # answers 2xx, or at redis:// a PING, when the part can work
    ready_text: bytes = b""  # said once it has a place to work, if its health does not tell
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # has secrets
    cwd: str | None = None
    ready_within_s: float = 60.0
    stops_last: bool = False  # others say goodbye through it


class Running:
    """A started part. It leads a process group of its own and dies with this process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._is_over = False

    @classmethod
    async def start(cls, part: Part, output: Callable[[bytes], None]) -> "Running":
        """Start `part`; everything that it and its children print goes to `output`.

        Raises OSError when the command cannot be run.
        """
        # A pipe of our own: asyncio's would keep wait() from returning until the last
        # grandchild has closed it, in some versions of Python.
        reading, writing = os.pipe()
        leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
        try:
            process = await asyncio.create_subprocess_exec(
                *leash,
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env=dict(part.environ),
                cwd=part.cwd,
                process_group=0,  # Ctrl-C on the terminal is for us; we tell the parts
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        _forward(reading, output)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> str:
        """Wait for the end; returns how it ended, in words."""
        code = await self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        return f"signal {-code}, {signal.strsignal(-code) or 'unknown'}"

    def ask_to_end(self) -> None:
        if not self.ended:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """After it, nothing of the part's process group runs, whether its leader lived or not."""
        if self._is_over:  # the number may be somebody else's by now
            return
        self._is_over = self.ended
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _forward(descriptor: int, output: Callable[[bytes], None]) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        chunk = os.read(descriptor, READ_BYTES)
        if chunk:
            output(chunk)
        else:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    loop.add_reader(descriptor, read)
