"""livekit-server, service and agents of a test, as processes; people and keepers in this one."""

import asyncio
import contextlib
import json
import sys
import time
from uuid import UUID

import httpx
from livekit import api, rtc

from tests.service.servers import CHECKOUT, KEY, SECRET, START_S, running
from unbroken.archive.http import RemoteArchive
from unbroken.archive.port import HostBatch
from unbroken.testing.holders import TTL_MS, Holder

WITHIN_S = 15


async def eventually(look, *, within_s: float = WITHIN_S):
    """What `look` answers, as soon as it is something."""
    end = time.monotonic() + within_s
    while not (found := await look()):
        assert time.monotonic() < end, f"not within {within_s} s"
        await asyncio.sleep(0.02)
    return found


class House:
    def __init__(self, folder, livekit_url: str, url: str) -> None:
        self.folder = folder
        self.livekit_url = livekit_url
        self.url = url
        self._people: list[rtc.Room] = []

    async def __aenter__(self):
        self.client = httpx.AsyncClient(base_url=f"{self.url}/api/v1", trust_env=False)
        self.livekit = api.LiveKitAPI(self.livekit_url, KEY, SECRET)
        self.archive = RemoteArchive(self.url)
        return self

    async def __aexit__(self, *_):
        await self.leave()
        await self.client.aclose()
        await self.livekit.aclose()
        await self.archive.aclose()

    async def leave(self) -> None:
        """Everybody who entered from here."""
        await asyncio.gather(*(person.disconnect() for person in self._people))
        self._people.clear()

    @contextlib.contextmanager
    def worker(self, name: str):
        """The stand-in agent as a real worker, ready for a job."""
        log = self.folder / f"worker {name}.log"
        environ = {
            "UNBROKEN_ARCHIVE": self.url,
            "TAKES": str(self.folder / "takes"),
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
            "PYTHONPATH": str(CHECKOUT),
        }
        with running([sys.executable, "-m", "tests.service.stand_in", name], log, **environ) as it:
            end = time.monotonic() + START_S
            while "registered worker" not in log.read_text():
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield it

    async def open(self, name: str) -> dict:
        answer = await self.client.post("/rooms", json={"name": name})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def enter(self, name: str, identity: str) -> rtc.Room:
        """Be in the room until the test ends, or one is sent out."""
        grants = api.VideoGrants(room_join=True, room=name)
        token = api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants)
        room = rtc.Room()
        await room.connect(self.livekit_url, token.to_jwt())
        self._people.append(room)
        return room

    async def hold(self, opened: dict, *, agent_name: str = "nobody", **more) -> Holder:
        """Take the session of a room from here, as an agent that is not in the room."""
        holder = Holder(self.archive)
        asked = {"room_sid": opened["sid"], "conversation_id": UUID(opened["conversation_id"])}
        await holder.take(opened["name"], agent_name=agent_name, **asked | more)
        return holder

    async def report(self, take: dict, cause: str = "crashed") -> None:
        """What the keeper of the host says of a dead holder that was taken by a worker."""
        holder = Holder(self.archive, host_id=UUID(take["host_id"]))
        holder.id = UUID(take["holder"])
        batch = holder.batch_of(UUID(take["session_id"]), take["term"], final=cause)
        sent = HostBatch(host_id=holder.host_id, host_name="t", ttl_ms=TTL_MS, batches=(batch,))
        (answer,) = (await self.archive.append(sent)).batches
        assert answer.outcome == "acked"

    async def session(self, session_id) -> dict:
        answer = await self.client.get(f"/sessions/{session_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def rooms(self, name: str) -> list:
        return list((await self.livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))).rooms)

    def takes(self, room: str) -> list[dict]:
        if not (path := self.folder / "takes").exists():
            return []
        said = [json.loads(line) for line in path.read_text().splitlines()]
        return [take for take in said if take["room"] == room]

    async def taken(self, room: str, term: int) -> dict:
        async def look():
            return [take for take in self.takes(room) if take["term"] == term]

        (take,) = await eventually(look)
        return take
