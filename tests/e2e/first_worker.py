"""The scripted worker of the failover tests, with LiveKit's own bound on its load: while the file
UNBROKEN_TEST_STATE/busy exists it takes no job."""

import math
import os

from agents.worker import build_server, run, start
from tests.e2e.failover_worker import folder, scripted_llm

THRESHOLD = 0.7  # LiveKit's own in production


def load() -> float:
    return 0.95 if (folder() / "busy").exists() else 0.1


async def main() -> None:
    server = build_server(os.environ, make=scripted_llm)
    assert math.isinf(server._load_threshold)
    server.load_fnc = load
    server._load_threshold = THRESHOLD
    await run(server, os.environ)


if __name__ == "__main__":
    # Jobs import this file by its name, not as __main__: let them find the same functions.
    from tests.e2e import first_worker

    start(first_worker.main)
