"""A LiveKit server as the watch over sessions asks it, in a process of its own.

Its rooms are what the measurement says. Like LiveKit it counts who is in a room at once where
nothing had changed there for five seconds, else when these are over.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web
from livekit import api
from livekit.protocol.models import ParticipantInfo

COUNTED_S = 5.0
STANDARD = ParticipantInfo.Kind.STANDARD

Answer = Callable[[web.Request], Awaitable[web.Response]]


class Room:
    def __init__(self, name: str, people: int) -> None:
        self.name = name
        self.people = self._counted = people
        self._counted_at = -COUNTED_S

    def have(self, people: int) -> None:
        self.people = people
        self.count()

    def count(self) -> int:
        if (now := time.monotonic()) - self._counted_at >= COUNTED_S:
            if self._counted != self.people:
                self._counted_at = now
            self._counted = self.people
        return self._counted


class Server:
    def __init__(self, orders: Connection) -> None:
        self.rooms: dict[str, Room] = {}
        self.asked: dict[str, int] = {}
        self._orders = orders

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        for path, answer in (
            ("RoomService/ListRooms", self._list_rooms),
            ("RoomService/ListParticipants", self._list_participants),
            ("RoomService/RemoveParticipant", self._remove_participant),
            ("AgentDispatchService/ListDispatch", self._list_dispatch),
            ("AgentDispatchService/CreateDispatch", self._create_dispatch),
        ):
            app.router.add_post(f"/twirp/livekit.{path}", self._counting(path, answer))
        return app

    def told(self) -> None:
        """(name, people); people None: the room is gone. None asks how often what was asked. The
        name of a room is said whenever an agent is sent for there."""
        while self._orders.poll():
            match self._orders.recv():
                case None:
                    self._orders.send(dict(self.asked))
                case name, None:
                    self.rooms.pop(name, None)
                case name, people:
                    self.rooms.setdefault(name, Room(name, 0)).have(people)

    def _counting(self, path: str, answer: Answer) -> Answer:
        async def counted(request: web.Request) -> web.Response:
            self.asked[path] = self.asked.get(path, 0) + 1
            return await answer(request)

        return counted

    async def _list_rooms(self, request: web.Request) -> web.Response:
        names = api.ListRoomsRequest.FromString(await request.read()).names
        chosen = (self.rooms[n] for n in names if n in self.rooms) if names else self.rooms.values()
        rooms = [
            api.Room(name=r.name, sid=f"RM_{r.name}", num_participants=r.count(), creation_time=1)
            for r in chosen
        ]
        return _protobuf(api.ListRoomsResponse(rooms=rooms))

    async def _list_participants(self, request: web.Request) -> web.Response:
        name = api.ListParticipantsRequest.FromString(await request.read()).room
        people = self.rooms[name].people if name in self.rooms else 0
        there = [ParticipantInfo(identity=f"ann of {name}", kind=STANDARD) for _ in range(people)]
        return _protobuf(api.ListParticipantsResponse(participants=there))

    async def _remove_participant(self, _request: web.Request) -> web.Response:
        return _protobuf(api.RemoveParticipantResponse())

    async def _list_dispatch(self, _request: web.Request) -> web.Response:
        return _protobuf(api.ListAgentDispatchResponse())

    async def _create_dispatch(self, request: web.Request) -> web.Response:
        self._orders.send(api.CreateAgentDispatchRequest.FromString(await request.read()).room)
        return _protobuf(api.AgentDispatch(id="AD_1"))


def _protobuf(message: Any) -> web.Response:
    return web.Response(body=message.SerializeToString(), content_type="application/protobuf")


def _serve(orders: Connection) -> None:
    async def run() -> None:
        server = Server(orders)
        runner = web.AppRunner(server.app(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        orders.send(runner.addresses[0][1])
        over = asyncio.Event()

        def told() -> None:
            try:
                server.told()
            except EOFError:  # who measured is gone
                over.set()

        asyncio.get_running_loop().add_reader(orders.fileno(), told)
        await over.wait()

    asyncio.run(run())


@contextmanager
def serving() -> Iterator[tuple[str, Connection]]:
    """Its URL, and where it is told what there is."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"ws://127.0.0.1:{ours.recv()}", ours
    finally:
        process.terminate()
        process.join()
