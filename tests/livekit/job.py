"""A job without a LiveKit server: what of a JobContext and a room a call uses, and a session that
needs no room. Each part can be told to fail or to hang."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from unbroken.env import Host
from unbroken.keeper import Keeper
from unbroken.live.live import by_room
from unbroken.livekit.call import Call
from unbroken.livekit.last_words import CALLBACK

ROOM = "the-rooms-own"
CONVERSATION = "0198c0de-0000-7000-8000-000000000001"


class QuietHost(Host):
    """Starts no processes: the test is the keeper."""

    def start(self, *_: Any, **__: Any) -> int:
        return 0


class Person(SimpleNamespace):
    def __init__(self, identity: str, kind: int = 0) -> None:
        super().__init__(
            identity=identity, sid=f"PA_{identity}", kind=kind, name="", metadata="", attributes={}
        )


class Local:
    def __init__(self) -> None:
        self.identity = "agent"
        self.published: list[bytes] = []

    def register_rpc_method(self, _name: str, _answer: Any) -> None: ...

    async def publish_data(self, payload: bytes, *, topic: str) -> None:
        self.published.append(payload)


class Room(rtc.EventEmitter[str]):
    def __init__(self, name: str, people: tuple[str, ...]) -> None:
        super().__init__()
        self.name, self.metadata = name, ""
        self.remote_participants = {who: Person(who) for who in people}
        self.local_participant = Local()
        self.is_left = False
        self.leave: Callable[[], Awaitable[None]] | None = None

    def isconnected(self) -> bool:
        return not self.is_left

    async def disconnect(self) -> None:
        self.is_left = True
        if self.leave:
            await self.leave()


class Job:
    """What a JobContext is to a call; `reasons` are those of `shutdown`."""

    def __init__(self, room: str = ROOM, *, people: tuple[str, ...] = ("ann",), **said: str):
        self.room = Room(room, people)
        known = (
            f'{{"conversation_id": "{CONVERSATION}"}}'  # so that it may take and connect at once
        )
        info = SimpleNamespace(name=room, sid="RM_1", metadata=known)
        self.job = SimpleNamespace(
            room=info, metadata=said.get("metadata", ""), attributes={}, agent_name="concierge"
        )
        self.local_participant_identity = f"agent-{id(self):x}"
        self.reasons: list[str] = []
        self.callbacks: list[Callable[[str], Awaitable[None]]] = []
        self.connecting: Callable[[], Awaitable[None]] | None = None
        self.shutdown_fails = False
        self.is_connected = False

    async def connect(self) -> None:
        if self.connecting and not self.is_connected:
            await self.connecting()
        self.is_connected = True

    def shutdown(self, reason: str = "") -> None:
        self.reasons.append(reason)
        if self.shutdown_fails:
            raise RuntimeError("LiveKit would not")

    def add_shutdown_callback(self, callback: Callable[[str], Awaitable[None]]) -> None:
        self.callbacks.append(callback)

    async def end(self, reason: str = "") -> None:
        """As LiveKit ends a job: all callbacks, each must succeed."""
        tasks = [
            asyncio.create_task(callback(reason), name=CALLBACK)  # type: ignore[arg-type]
            for callback in self.callbacks
        ]
        await asyncio.gather(*tasks)

    def delete_room(self, _room_name: str | None = None) -> None:
        self.deleted = True


class Roomless(AgentSession[Any]):
    """Starts without media; `starting` may fail or hang in its place."""

    starting: Callable[[], Awaitable[None]] | None = None

    async def start(self, agent: Any, **_options: Any) -> Any:
        if self.starting:
            await self.starting()
        return await super().start(agent)


def call_in(job: Job, spool: Any, archive: Any, *, role: str | None = None, **given: Any) -> Call:
    return Call(job, spool.env, spool, archive, role=role, **{"agents": (), "choose": None} | given)


async def shipped(spool: Any, archive: Any, *, steps: int = 12) -> None:
    """A keeper's look at all there is."""
    keeper = Keeper(spool, archive)
    for _ in range(steps):
        await keeper.step()
        await asyncio.sleep(0.01)


async def killed(spool: Any, archive: Any, *calls: Call) -> None:
    """As SIGKILL leaves it: locks are free, and nobody has had the last word."""
    for call in calls:
        assert await call.live.durable("process", timeout_s=60)  # else it is lost, rightly
    await died(spool, archive, *calls)


async def died(spool: Any, archive: Any, *calls: Call) -> None:
    """What its disk had not taken is gone with it."""
    for call in calls:
        journal = call.live.journal
        journal._closed = True
        if journal._retry:
            journal._retry.cancel()
        call._is_over = True
        await call._stop_tasks()
        call.live._watching.cancel()
        by_room.discard(call.live)
        spool.env.unlock(spool.lock(call.live.journal.header.holder))
    await shipped(spool, archive, steps=40)
