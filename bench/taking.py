"""How long an agent waits for its session while people read lists.

300 calls of 20 lines are there; ten readers ask for lists of 100 without a pause, and 200 agents
take a session each, one behind the other. Nobody is lost meanwhile: the service would look for
successors of all of them in a LiveKit that is not there.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from bench import figures
from unbroken.archive.http import RemoteArchive, http_client
from unbroken.errors import ArchiveUnavailable
from unbroken.testing.holders import Holder, item

CALLS, LINES = 300, 20
READERS, LIMIT = 10, 100
TAKES = 200


async def beside_lists(url: str) -> dict[str, Any]:
    async with RemoteArchive(url) as archive:
        for number in range(CALLS):
            await _call(archive, f"call {number}")
        alone = [await _take(archive, f"alone {n}") for n in range(TAKES)]
        async with _reading(url) as lists:
            took = [await _take(archive, f"new {n}") for n in range(TAKES)]
    return {
        "alone_ms": figures.described([s * 1_000 for s in alone]),
        "beside_lists_ms": figures.described([s * 1_000 for s in took]),
        "list_ms": figures.described([s * 1_000 for s in lists]),
    }


async def _call(archive: RemoteArchive, room: str) -> None:
    holder = Holder(archive)
    await _taken(holder, room)
    said = [_line(n) for n in range(1, LINES + 1)]
    assert (await holder.append(1, *said)).outcome == "acked"  # noqa: S101


def _line(n: int) -> Any:
    role = "user" if n % 2 else "assistant"
    return item(f"m{n}", f"line {n}", after=f"m{n - 1}" if n > 1 else None, role=role)


async def _take(archive: RemoteArchive, room: str) -> float:
    began = time.perf_counter()
    await _taken(Holder(archive), room)
    return time.perf_counter() - began


async def _taken(holder: Holder, room: str) -> None:
    """It asks again as long as the service says nothing."""
    while holder.taken is None:
        with contextlib.suppress(ArchiveUnavailable):
            await holder.take(room)


@contextlib.asynccontextmanager
async def _reading(url: str) -> AsyncIterator[list[float]]:
    """Ten that list, until the end; how long each list took."""
    took: list[float] = []
    async with http_client(url, key=None, timeout_s=60) as client:
        readers = [asyncio.create_task(_read(client, took)) for _ in range(READERS)]
        while len(took) < READERS:  # all of them are at it
            await asyncio.sleep(0.01)
        yield took
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)


async def _read(client: Any, took: list[float]) -> None:
    while True:
        began = time.perf_counter()
        (await client.get(f"/conversations?limit={LIMIT}")).raise_for_status()
        took.append(time.perf_counter() - began)
