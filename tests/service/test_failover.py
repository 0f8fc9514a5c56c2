"""An agent is killed in mid call: real livekit-server, service and worker, in processes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from uuid import UUID

import httpx
import pytest
from livekit import rtc

from tests.service.servers import CHECKOUT, KEY, SECRET, START_S, livekit_server, running, service
from unbroken.archive import HostBatch
from unbroken.remote import RemoteArchive
from unbroken.testing.holders import Holder

WITHIN_S = 15


async def eventually(look, *, within_s: float = WITHIN_S):
    """What `look` answers, as soon as it is something."""
    end = time.monotonic() + within_s
    while not (found := await look()):
        assert time.monotonic() < end, f"not within {within_s} s"
        await asyncio.sleep(0.02)
    return found


class House:
    """The parts, and what happened in them."""

    def __init__(self, folder, livekit_url: str, url: str) -> None:
        self.folder = folder
        self.livekit_url = livekit_url
        self.url = url

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

    def takes(self, room: str) -> list[dict]:
        if not (path := self.folder / "takes").exists():
            return []
        said = [json.loads(line) for line in path.read_text().splitlines()]
        return [take for take in said if take["room"] == room]

    async def taken(self, room: str, term: int, *, within_s: float = WITHIN_S) -> dict:
        async def look():
            return [take for take in self.takes(room) if take["term"] == term]

        (take,) = await eventually(look, within_s=within_s)
        return take

    async def report(self, take: dict, cause: str = "crashed") -> None:
        """What the keeper of the host says of a dead holder."""
        async with RemoteArchive(self.url) as archive:
            holder = Holder(archive, host_id=UUID(take["host_id"]))
            holder.id = UUID(take["holder"])
            batch = holder.batch_of(UUID(take["session_id"]), take["term"], final=cause)
            sent = HostBatch(host_id=holder.host_id, host_name="t", ttl_ms=3_000, batches=(batch,))
            (answer,) = (await archive.append(sent)).batches
        assert answer.outcome in {"acked", "gap"}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failover")
    with livekit_server(folder) as livekit_url, service(folder, livekit_url) as url:
        yield House(folder, livekit_url, url)


@pytest.fixture(scope="module")
def worker(house):
    with house.worker("concierge") as process:
        yield process


@pytest.fixture
async def client(house):
    async with httpx.AsyncClient(base_url=house.url + "/api/v1", trust_env=False) as client:
        yield client


@contextlib.asynccontextmanager
async def person(client, name, **more):
    """Somebody in the room."""
    answer = await client.post("/rooms", json={"name": name} | more)
    assert answer.status_code == 201, answer.text
    opened = answer.json()
    room = rtc.Room()
    await room.connect(opened["url"], opened["token"])
    try:
        yield room
    finally:
        await room.disconnect()


async def test_a_killed_agent_is_followed_by_another(house, worker, client):
    async with person(client, "kill"):
        first = await house.taken("kill", 1)
        os.kill(first["pid"], signal.SIGKILL)
        await house.report(first)
        second = await house.taken("kill", 2)
    assert second["session_id"] == first["session_id"]
    assert second["crashes"] == 1
    assert 0 < second["gap_us"] < 5_000_000
    assert second["pid"] != first["pid"]
