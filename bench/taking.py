"""How long an agent waits for its session while people read.

300 calls of 20 lines and one of 1,000 are there. 200 agents take a session each, one behind the
other: alone, beside ten who ask for lists of 100 conversations without a pause, and beside ten who
ask for pages of 1,000 messages. Nobody is lost meanwhile: the service would look for successors of
all of them in a LiveKit that is not there.
"""

import contextlib
import time
from typing import Any

from bench import figures
from bench.readers import reading
from unbroken.archive.http import RemoteArchive
from unbroken.errors import ArchiveUnavailable
from unbroken.testing.holders import Holder, item

CALLS, LINES = 300, 20
LONG, BATCH = 1_000, 500
LISTS = "/conversations?limit=100"
TAKES = 200


async def beside_readers(url: str) -> dict[str, Any]:
    async with RemoteArchive(url) as archive:
        for number in range(CALLS):
            await _call(archive, f"call {number}", LINES)
        long = await _call(archive, "long", LONG)
        assert long.taken is not None  # noqa: S101
        pages = f"/conversations/{long.taken.conversation_id}/messages?limit={LONG}"
        found = {"alone_ms": _ms([await _take(archive, f"alone {n}") for n in range(TAKES)])}
        for name, path in {"lists": LISTS, "pages": pages}.items():
            async with reading(url, path) as read:
                took = [await _take(archive, f"beside {name} {n}") for n in range(TAKES)]
            found |= {f"beside_{name}_ms": _ms(took), f"{name}_ms": _ms(read)}
    return found


def _ms(took: list[float]) -> dict[str, Any]:
    return figures.described([s * 1_000 for s in took])


async def _call(archive: RemoteArchive, room: str, lines: int) -> Holder:
    holder = Holder(archive)
    await _taken(holder, room)
    for first in range(1, lines + 1, BATCH):
        said = [_line(n) for n in range(first, min(first + BATCH, lines + 1))]
        assert (await holder.append(first, *said)).outcome == "acked"  # noqa: S101
    return holder


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
