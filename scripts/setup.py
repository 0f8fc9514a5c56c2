"""Prepare this checkout: `python3 -m scripts.setup run` (or `smollm2`, `test`, `check`, `oldest`,
`comparison`).

Needs a Python of 3.11 to 3.14 and the standard library. Each step is done once, survives being
broken off at any moment, and says in one sentence what stopped it.
"""

# The lines down to the imports of `scripts` must be readable to a much older Python.

import os
import shutil
import sys

OLDEST, NEWEST = (3, 11), (3, 14)


def find_python() -> None:
    """Go on in a Python that fits; leave with a sentence when the machine has none."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3." + str(minor))
        if found:
            os.execv(found, [found, "-m", "scripts.setup", *sys.argv[1:]])  # noqa: S606
    sys.exit(
        "Python 3.11 to 3.14 is needed; this is " + sys.version.split()[0] + " and no other was "
        "found. On Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv."
    )


find_python()

import fcntl  # noqa: E402  these lines need the Python that was just found
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402

from scripts import console, debian, go_programs, livekit, python_env, say, step  # noqa: E402

GB = 1e9
# Measured after a first set-up, caches included, rounded up.
SPACE_BYTES = {"python": 1.3 * GB, "livekit": 1.4 * GB, "console": 0.3 * GB, "programs": 1 * GB}


def check_space(profile: str) -> None:
    """Raise SetupError when the steps that are still open would fill the disk."""
    ready = {
        "python": python_env.is_ready(profile),
        "livekit": livekit.is_ready(),
        "console": console.is_ready(),
        "programs": profile != "test" or go_programs.are_ready(),
    }
    needed = sum(size for name, size in SPACE_BYTES.items() if not ready[name])
    free = shutil.disk_usage(step.ROOT).free
    if free < needed:
        raise step.SetupError(
            f"The disk of {step.ROOT} has {free / GB:.1f} GB free; the set-up needs about "
            f"{needed / GB:.1f} GB. Free some space and run the same command again.",
        )


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other set-up works in this checkout."""
    step.TOOLS.mkdir(exist_ok=True)
    with (step.TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say.line("Another set-up is at work in this checkout; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(profile: str) -> None:
    if profile == "check":
        python_env.prepare("test")
        return
    if profile == "comparison":
        python_env.prepare(profile)
        return
    if profile == "oldest":
        python_env.prepare(profile)
        livekit.prepare()
        return
    check_space(profile)
    python_env.prepare(profile)
    livekit.prepare()
    console.prepare()
    if profile == "test":
        debian.prepare()
        go_programs.prepare()


def main() -> None:
    try:
        with alone():
            prepare(sys.argv[1])
    except step.SetupError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(step.explain(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next run goes on from here.")


if __name__ == "__main__":
    main()
