"""What may stand between a keeper and its archive, and a host whose clock can be set forward."""

import asyncio
from collections.abc import Callable

from unbroken.archive.port import (
    Archive,
    HostAnswer,
    HostBatch,
    LogPart,
    LogPlace,
    Taken,
    TakeRequest,
)
from unbroken.env import Host
from unbroken.errors import UnbrokenError


class Between:
    """Lets everything through, but for what its three hooks raise, or wait for."""

    def __init__(self, inner: Archive) -> None:
        self.inner = inner
        self.appends: list[HostBatch] = []
        self.takes: list[TakeRequest] = []
        self.blobs: list[str] = []
        self.on_append: Callable[[HostBatch], UnbrokenError | None] = lambda _: None
        self.on_take: Callable[[TakeRequest], UnbrokenError | None] = lambda _: None
        self.on_blob: Callable[[str], UnbrokenError | None] = lambda _: None
        self.gate = asyncio.Event()  # blobs wait for it
        self.gate.set()

    async def append(self, batch: HostBatch) -> HostAnswer:
        self.appends.append(batch)
        _raise(self.on_append(batch))
        return await self.inner.append(batch)

    async def take(self, request: TakeRequest) -> Taken:
        self.takes.append(request)
        _raise(self.on_take(request))
        return await self.inner.take(request)

    async def read_log(self, place: LogPlace) -> LogPart:
        return await self.inner.read_log(place)

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        self.blobs.append(sha256.hex())
        await self.gate.wait()
        _raise(self.on_blob(sha256.hex()))
        await self.inner.put_blob(sha256, content)

    async def get_blob(self, sha256: bytes) -> bytes:
        return await self.inner.get_blob(sha256)


def _raise(error: UnbrokenError | None) -> None:
    if error:
        raise error


class Later(Host):
    """`ahead_us`: how far its clock since boot is set forward."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_us = 0

    def boot_us(self) -> int:
        return super().boot_us() + self.ahead_us
