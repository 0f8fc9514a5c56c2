"""The processes under attack: the service, and keepers. Real ones, that can be killed, stopped and
started again."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.service.servers import await_answer, free_port, running

NOBODY = "ws://127.0.0.1:9"  # the discard port: no LiveKit listens there


class Part:
    """One process. `start` may be called again after `kill`."""

    def __init__(self, command: list[str], log: Path, **variables: str) -> None:
        self.log = log
        self._command, self._variables = command, variables
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._process = self._stack.enter_context(
            running(self._command, self.log, **self._variables)
        )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 - for the types
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        self._stack.close()

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class Service(Part):
    """`unbroken serve`, on a port and with data that outlive it."""

    def __init__(self, folder: Path, *command: str, **variables: str) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        super().__init__(
            [sys.executable, "-m", *(command or ("unbroken", "serve"))],
            folder / "service.log",
            UNBROKEN_DATA=str(self.data),
            UNBROKEN_PORT=str(self.port),
            LIVEKIT_URL=NOBODY,
            LIVEKIT_API_KEY="devkey",
            LIVEKIT_API_SECRET="s" * 32,
            **variables,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        super().start()
        await_answer(f"{self.url}/healthz")
        return self


def keeper(spool: str, url: str) -> Part:
    """`python -m unbroken.keeper`, not yet started."""
    return Part(
        [sys.executable, "-m", "unbroken.keeper"],
        Path(f"{spool}.keeper.log"),
        UNBROKEN_SPOOL=spool,
        UNBROKEN_ARCHIVE=url,
        PATH=os.environ["PATH"],
    )


@contextmanager
def started(*parts: Part) -> Iterator[None]:
    """All of them run within the block, none behind it."""
    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.kill)
            part.start()
        yield


def keeper_of(folder: str) -> int | None:
    """The process that ships this spool, whoever started it."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            is_keeper = b"unbroken.keeper\0" in (place / "cmdline").read_bytes()
            variables = (place / "environ").read_bytes().split(b"\0") if is_keeper else []
        except OSError:
            continue
        if f"UNBROKEN_SPOOL={folder}".encode() in variables:
            return int(place.name)
    return None


def end_keepers(folder: str) -> None:
    """Those that agents of this spool have started: they would ship it for a minute more."""
    while pid := keeper_of(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


class Child:
    """A fork of this process that runs `work` and tells what it did, a line a fact.

    The pipe is the witness: what was told was known to the child before it was killed.
    """

    def __init__(self, work: Callable[[Callable[..., None]], None]) -> None:
        end, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(end)
            _run(work, told)
        os.close(told)
        self._end = end
        self.code: int | None = None

    def wait(self) -> list[list[object]]:
        """Until it has ended; all that it told."""
        told = b""
        while more := os.read(self._end, 1 << 16):
            told += more
        os.close(self._end)
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return [json.loads(line) for line in told.split(b"\n")[:-1]]

    def kill(self) -> list[list[object]]:
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()


def _run(work: Callable[[Callable[..., None]], None], told: int) -> None:
    """In the child, which never returns."""
    code = 1
    try:
        work(lambda *fact: os.write(told, json.dumps(fact).encode() + b"\n"))
        code = 0
    except Exception:  # noqa: BLE001 - told here, as nothing of this process ends as usual
        traceback.print_exc()
    finally:
        os._exit(code)  # no clean-up of the parent's things
