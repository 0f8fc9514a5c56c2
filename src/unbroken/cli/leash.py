"""Run a command that the kernel kills when its starter dies: `leash.py STARTER_PID COMMAND ...`.

It replaces itself by the command. Run without site-packages, this costs about 15 ms; a function
between fork and exec would cost nothing, but is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    starter, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:  # it died before we were tied to it
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
