"""A balancer of TCP, as it stands in front of several services: each connection goes to the next
one that answers, and ends with it."""

import asyncio
from contextlib import asynccontextmanager, suppress

CHUNK = 64 << 10


@asynccontextmanager
async def balanced(ports):
    """The URL in front of services on `ports` of this host."""
    balancer = Balancer(list(ports))
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        balancer.end()


class Balancer:
    def __init__(self, ports) -> None:
        self._ports = ports
        self._turn = 0
        self._open: set[asyncio.Task] = set()

    async def serve(self, reader, writer) -> None:
        self._open.add(task := asyncio.current_task())
        try:
            await self._pass_on(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    def end(self) -> None:
        for task in self._open:
            task.cancel()

    async def _pass_on(self, reader, writer) -> None:
        found = await self._next()
        if found is None:
            return
        there, back = found
        ways = [_copy(reader, back), _copy(there, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            back.close()

    async def _next(self):
        for _ in self._ports:
            self._turn += 1
            with suppress(OSError):
                port = self._ports[self._turn % len(self._ports)]
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _copy(reader, writer) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
