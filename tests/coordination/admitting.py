"""`python -m tests.coordination.admitting URL LIMIT PER_S SECONDS TIMES`: a process whose tasks ask
for one window over and over. It says a line when it is ready, waits for one, and says what was
admitted and how many were refused, as JSON."""

import asyncio
import json
import sys
import time

from bench.coordination_checks import Admitted
from unbroken.coordination.rate import window
from unbroken.coordination.redis_windows import RedisWindows
from unbroken.redis_client import client_at

TASKS = 20
ANSWER_S = 60  # whatever else runs on this machine


async def ask(url, limit, per_s, seconds, times):
    windows = RedisWindows(client_at(url, answer_s=ANSWER_S), "tests")
    asked, admitted, refused = window("sms", "ann", limit=limit, per_s=per_s), [], 0
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    until = time.monotonic() + seconds

    async def some():
        nonlocal refused
        for _ in range(times):
            if time.monotonic() > until:
                return
            began = time.monotonic()
            if await windows.admit(asked) is None:
                admitted.append(Admitted(began, time.monotonic()))
            else:
                refused += 1

    await asyncio.gather(*(some() for _ in range(TASKS)))
    await windows.aclose()
    return admitted, refused


if __name__ == "__main__":
    url, limit, per_s, seconds, times = sys.argv[1:]
    done = asyncio.run(ask(url, int(limit), float(per_s), float(seconds), int(times)))
    print(json.dumps(done), flush=True)
