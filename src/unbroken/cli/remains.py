"""What calls leave in the spool: journals that nobody has shipped, and the keeper they started.

A keeper has no state of its own, so ending it costs nothing; one that is left from an earlier run
may ship to an address where nobody listens any more.
"""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, process
KEEPER = ("-m", "unbroken.keeper")  # as calls start it; `unbroken keep` belongs to somebody else
ENDS_WITHIN_S = 0.5
POLL_S = 0.02


def keeper_of(spool: Path) -> int | None:
    """The process number of the keeper that a call has started for this spool."""
    try:
        with (spool / "keeper.lock").open("rb") as file:
            asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    except OSError:
        return None
    return pid if kind != fcntl.F_UNLCK and tuple(words[1:3]) == KEEPER else None


def end_keeper(spool: Path) -> None:
    """After it, no keeper that a call has started ships this spool."""
    pid = keeper_of(spool)
    if pid is None:
        return
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while keeper_of(spool) == pid:
            if time.monotonic() > deadline_s:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(POLL_S)


def ship(spool: Path, environ: Mapping[str, str]) -> None:
    """Start a keeper if journals are left; without, they would wait for the next call."""
    if not any(spool.glob("*.journal")):
        return
    with (spool / "keeper.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *KEEPER],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process.returncode = 0  # it may outlive us: nobody waits for it
