"""`python -m bench.readers URL PATH`: ten that read it without a pause, until a line comes in.

Then it prints as JSON how many seconds each answer took. A process of its own: what it costs to
take the answers is not the service's.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator

from unbroken.archive.http import http_client

READERS = 10
LINE_BYTES_MAX = 16 << 20


@contextlib.asynccontextmanager
async def reading(url: str, path: str) -> AsyncIterator[list[float]]:
    """They read in the block; behind it, what each answer took."""
    took: list[float] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.readers", url, path,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=LINE_BYTES_MAX,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101 - as asked for
    assert process.stdout is not None  # noqa: S101
    await process.stdout.readline()  # all of them are at it
    try:
        yield took
    finally:
        process.stdin.write(b"\n")
        took += json.loads(await process.stdout.readline())
        await process.wait()


async def _main(url: str, path: str) -> None:
    took: list[float] = []
    async with http_client(url, key=None, timeout_s=60) as client:

        async def read() -> None:
            while True:
                began = time.perf_counter()
                async with client.stream("GET", path) as answer:
                    answer.raise_for_status()
                    async for _ in answer.aiter_raw():
                        pass
                took.append(time.perf_counter() - began)

        readers = [asyncio.create_task(read()) for _ in range(READERS)]
        while len(took) < READERS:
            await asyncio.sleep(0.01)
        print(flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps(took), flush=True)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
