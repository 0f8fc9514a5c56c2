"""What tests of an archive work with: a clock to put forward, and holders that write."""

from typing import Any
from uuid import UUID

from unbroken.archive.port import (
    Archive,
    Batch,
    BatchAnswer,
    HostAnswer,
    HostBatch,
    LogPart,
    LogPlace,
    Taken,
    TakeRequest,
    WireEntry,
)
from unbroken.env import Host
from unbroken.log import entries
from unbroken.store.port import StoreArchive

TTL_MS = 3_000
LISTENED_S = 61  # longer than any lease: silent hosts may be judged
ENV = Host()


class Clock(Host):
    """This host with a clock that can be put forward, and set as people set a wall clock."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_us = 0
        self._set_us = 0

    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self._ahead_us += int(seconds * 1_000_000)

    def step(self, seconds: float) -> None:
        """The wall clock is set; no time goes by."""
        self._set_us += int(seconds * 1_000_000)

    def now_us(self) -> int:
        return super().now_us() + self._ahead_us + self._set_us

    def boot_us(self) -> int:
        return super().boot_us() + self._ahead_us


class Heard:
    """The archive of a store, for one who could hear all hosts for long: silent ones are lost."""

    def __init__(self, archive: StoreArchive) -> None:
        self._archive = archive

    async def take(self, request: TakeRequest) -> Taken:
        return await self._archive.take(request, listened_us=LISTENED_S * 1_000_000)

    async def read_log(self, place: LogPlace) -> LogPart:
        return await self._archive.read_log(place)

    async def append(self, batch: HostBatch) -> HostAnswer:
        return await self._archive.append(batch)

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        await self._archive.put_blob(sha256, content)

    async def get_blob(self, sha256: bytes) -> bytes:
        return await self._archive.get_blob(sha256)


class Holder:
    """One start of an agent process: asks for a session, then writes to it."""

    def __init__(
        self,
        archive: Archive,
        *,
        host_id: UUID | None = None,
        clock: Host = ENV,
        ahead_s: float = 0,
    ) -> None:
        """`ahead_s`: how far the clock of its host is ahead of `clock`."""
        self.archive = archive
        self.clock = clock
        self.ahead_s = ahead_s
        self.said = 0
        self.last: str | None = None
        self.host_id = host_id or ENV.new_id()
        self.id = ENV.new_id()
        self.taken: Taken | None = None

    async def take(self, room: str = "room", **changed: Any) -> Taken:
        self.taken = await self.archive.take(self.request(room, **changed))
        return self.taken

    def request(self, room: str = "room", **changed: Any) -> TakeRequest:
        values: dict[str, Any] = {
            "host_id": self.host_id,
            "ttl_ms": TTL_MS,
            "holder": self.id,
            "room_name": room,
            "room_sid": f"RM_{room}",
            "role": "concierge",
            "agent_name": "concierge",
            "agent_identity": f"agent-{self.id.hex[-6:]}",
            "conversation_id": None,
            "user_id": None,
            "people": (),
            "new_session_id": ENV.new_id(),
            "new_call_id": ENV.new_id(),
            "new_conversation_id": ENV.new_id(),
        }
        return TakeRequest(**values | changed)

    def batch(self, first: int, *said: WireEntry, **more: Any) -> Batch:
        assert self.taken is not None
        values: dict[str, Any] = {"session_id": self.taken.session_id, "term": self.taken.term}
        return Batch(**values | {"holder": self.id, "first": first, "entries": said} | more)

    def batch_of(self, session_id: UUID, term: int, **more: Any) -> Batch:
        """An empty batch of a term that somebody else has taken in this holder's name."""
        return Batch(session_id=session_id, term=term, holder=self.id, first=1, **more)

    async def send(self, *batches: Batch) -> list[BatchAnswer]:
        sent = HostBatch(
            host_id=self.host_id,
            host_name="test",
            ttl_ms=TTL_MS,
            at_us=self.now_us(),
            batches=batches,
        )
        return list((await self.archive.append(sent)).batches)

    def now_us(self) -> int:
        """The wall clock of its host."""
        return self.clock.now_us() + int(self.ahead_s * 1_000_000)

    def line(self, text: str) -> WireEntry:
        """What is said now, behind what was said before. Its id is its text."""
        self.said += 1
        after, self.last = self.last, text
        at_us = self.now_us()
        return item(text, text, after=after, at_us=at_us, created_at=at_us / 1_000_000)

    async def say(self, text: str) -> None:
        """One line, shipped at once."""
        said = self.line(text)
        assert (await self.append(self.said, said)).outcome == "acked"

    async def append(self, first: int, *said: WireEntry, **more: Any) -> BatchAnswer:
        (answer,) = await self.send(self.batch(first, *said, **more))
        return answer


def entry(payload: bytes = b"{}", *, kind: str = "note", at_us: int = 1) -> WireEntry:
    return WireEntry(kind, at_us, 0, payload)


def item(
    item_id: str,
    text: str,
    *,
    after: str | None,
    role: str = "user",
    at_us: int | None = None,
    **more: Any,
) -> WireEntry:
    """An `item` entry with a message."""
    message = {"id": item_id, "type": "message", "role": role, "content": [text], **more}
    payload, flags = entries.encode(entries.ItemPut(item=message, after=after, from_="ann"))
    return WireEntry("item", ENV.now_us() if at_us is None else at_us, flags, payload)


def numbered(first: int, last: int) -> list[WireEntry]:
    return [entry(b'{"data":%d,"name":"n"}' % n) for n in range(first, last + 1)]


def payloads(taken: Taken) -> list[bytes]:
    return [e.payload for e in taken.entries]
