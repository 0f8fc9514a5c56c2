"""How long words wait for the service's confirmation, alone and beside a 16 MB part.

A real service with its blobs in a folder and in a real S3 server, a keeper process for all, and a
process that records the large parts. Both kinds of blocks take turns in one run.
"""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench import figures, shipping
from bench.report import Noise, Run
from tests.s3 import S3
from tests.s3 import standing as standing_s3
from unbroken.live.live import Live
from unbroken.log.entries import Noted
from unbroken.log.large import BLOB_BYTES_MAX

BLOCKS, ENTRIES = 6, 40
EVERY_S = 0.05
LOOK_S = 0.0005
PLACES = ("folder", "bucket")


def measure(run: Run) -> None:
    blocks = 2 if run.is_quick else BLOCKS
    with Noise.watched() as noise:
        results = {place: asyncio.run(_measure(place, blocks)) for place in PLACES}
    run.keep({"blocks": blocks, "entries": ENTRIES, "places": results}, noise, _page(results))


async def _measure(place: str, blocks: int) -> dict[str, Any]:
    waits: dict[str, list[float]] = {"alone": [], "beside": []}
    uploads: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        _environ(place),
        _recorder() as recorder,
        shipping.service(Path(folder) / "house") as house,
        shipping.keeper(house, spool := f"{folder}/spool"),
    ):
        live = shipping.open_live(shipping.open_spool(Path(spool)), "words")
        await _block(live)  # the first requests of all
        for number in range(blocks):
            waits["alone"] += await _block(live)
            loop = asyncio.get_running_loop()
            large = loop.run_in_executor(recorder, record, spool, number)
            waits["beside"] += await _block(live)
            uploads.append(await large)
        await live.close("bench")
    described = {name: figures.described([1_000 * s for s in w]) for name, w in waits.items()}
    return {**described, "upload": figures.described([1_000 * s for s in uploads])}


async def _block(live: Live) -> list[float]:
    """Seconds until each of the entries is confirmed."""
    waits = []
    for _ in range(ENTRIES):
        began_s = time.perf_counter()
        live.record(Noted("words", shipping.SAID))
        while live.ack.acked < live.journal.appended:
            await asyncio.sleep(LOOK_S)
        waits.append(time.perf_counter() - began_s)
        await asyncio.sleep(EVERY_S)
    return waits


def record(spool: str, number: int) -> float:
    """A call of another process with one large part; seconds until that is confirmed."""
    return asyncio.run(_record(spool, number))


async def _record(spool: str, number: int) -> float:
    live = shipping.open_live(shipping.open_spool(Path(spool)), f"large {number}")
    part = os.urandom(BLOB_BYTES_MAX // 2 - 100).hex()
    began_s = time.perf_counter()
    live.record(Noted("picture", part))
    await shipping.until_stored(live)
    await live.close("bench")
    return time.perf_counter() - began_s


@contextmanager
def _recorder() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(hashlib.sha256, b"").exception()  # it has begun, and imported
        yield pool


@contextmanager
def _environ(place: str) -> Iterator[None]:
    """What the service is told about its blobs."""
    if place == "folder":
        yield
        return
    with standing_s3() as server:
        before = dict(os.environ)
        os.environ.update(_of(server))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _of(server: S3) -> dict[str, str]:
    return server.environ() | {"UNBROKEN_BLOBS": server.make_bucket("bench")}


def _page(results: dict[str, Any]) -> str:
    rows = [
        [place, kind, of["p50"], of["p99"], of["max"]]
        for place, kinds in results.items()
        for kind, of in kinds.items()
    ]
    head = ["blobs in a", "what", "p50", "p99", "max"]
    return (
        "Milliseconds from recording an entry to the service's confirmation of it, alone and "
        "beside the upload of one part of 16 MB from another call; `upload`: until that part is "
        f"confirmed.\n\n{figures.table(head, rows)}"
    )
