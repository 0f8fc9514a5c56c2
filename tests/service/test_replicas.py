"""Three services on one PostgreSQL behind a balancer, and any of them may be killed."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import httpx
import psycopg
import pytest
from livekit import api

from tests.core.conftest import new_header
from tests.service.balancer import balanced
from tests.service.house import eventually
from tests.service.replicas import Replica
from tests.service.servers import KEY, SECRET, livekit_server
from unbroken.archive.http import RemoteArchive, http_client
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Host
from unbroken.journal.spool import Spool
from unbroken.keeper import Keeper
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import Noted
from unbroken.store.postgres import PostgresStore

KILLS = int(os.environ.get("UNBROKEN_TEST_KILLS", "3"))
KEEPERS, CALLS, WRITERS, REPLICAS = 3, 2, 2, 3
BETWEEN = 8  # what each call writes, at least, before the next kill and behind it
HANG_S = 120
ROOM = {"name": "of-two", "agents": ["concierge"]}

pytestmark = pytest.mark.timeout(HANG_S * 5)


@pytest.fixture(scope="module")
def livekit(tmp_path_factory):
    with livekit_server(tmp_path_factory.mktemp("livekit")) as url:
        yield url


@pytest.fixture
def replicas(tmp_path, database, livekit):
    with ExitStack() as stack:
        made = [Replica(tmp_path, database, livekit) for _ in range(REPLICAS)]
        for replica in made:
            stack.callback(replica.kill)
        with ThreadPoolExecutor() as threads:
            list(threads.map(Replica.start, made))
        yield made


async def test_a_room_that_is_opened_at_several_at_once_is_one(replicas, livekit):
    """One room, one conversation, one dispatch."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(_client(r.url)) for r in replicas * 2]
        answers = await asyncio.gather(*(c.post("/rooms", json=ROOM) for c in clients))
        found = [answer.json() for answer in answers]
        server = await stack.enter_async_context(api.LiveKitAPI(livekit, KEY, SECRET))
        dispatches = await server.agent_dispatch.list_dispatch(ROOM["name"])
    assert {a.status_code for a in answers} == {httpx.codes.CREATED}, found
    assert len({room["conversation_id"] for room in found}) == 1
    assert len({room["sid"] for room in found}) == 1
    assert [asked.agent_name for asked in dispatches] == ["concierge"]


def _client(url: str) -> httpx.AsyncClient:
    return http_client(url, key=None, timeout_s=HANG_S)


@pytest.fixture(params=["balancer", "addresses"])
async def front(request, replicas):
    """What clients are told: the URL of a balancer, or each service's own."""
    if request.param == "addresses":
        yield ",".join(f"http://127.0.0.1:{replica.port}" for replica in replicas)
        return
    async with balanced(replica.port for replica in replicas) as url:
        yield url


class Call:
    """A call whose words are written for as long as it is told to."""

    def __init__(self, spool, env, name: str) -> None:
        self.live = Live.open(spool, new_header(env, spool, room=name, sid=f"RM_{name}"))
        self.count = 0

    async def write(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            self.live.record(Noted("n", self.count))
            self.count += 1
            await asyncio.sleep(0.02)

    async def heard(self) -> bool:
        return self.live.ack.acked == self.count

    def has_written(self, count: int):
        async def look() -> bool:
            return self.live.ack.acked >= count

        return look


class AgentHost:
    """A host: a spool with its keeper, which knows one URL."""

    def __init__(self, folder, url: str, name: str) -> None:
        env = Host()
        self._spool = Spool.open(env, str(folder / name))
        self.calls = [Call(self._spool, env, f"{name}-{n}") for n in range(CALLS)]
        self._url = url

    @asynccontextmanager
    async def kept(self):
        async with RemoteArchive(self._url) as archive:
            keeper = asyncio.create_task(Keeper(self._spool, archive).run())
            try:
                yield self
            finally:
                for call in self.calls:
                    await call.live.close("left")
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)


class Writer:
    """Saves turns over REST, each under a key of its own until it is answered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.saved: list[str] = []
        self.failures: list[int] = []  # in a row, for each turn that was not saved at once

    async def write(self, url: str, is_over: asyncio.Event) -> None:
        async with _client(url) as http:
            while not is_over.is_set():
                await self._save(http, f"{self.name} {len(self.saved)}")
                await asyncio.sleep(0.05)

    async def _save(self, http: httpx.AsyncClient, text: str) -> None:
        turn = {
            "room_name": self.name,
            "participant_identity": self.name,
            "user_message": text,
        }
        failed = 0
        while not await self._is_saved(http, turn, key=text):
            failed += 1
        self.saved.append(text)
        if failed:
            self.failures.append(failed)

    async def _is_saved(self, http: httpx.AsyncClient, turn: dict, *, key: str) -> bool:
        headers = {"idempotency-key": key}
        try:
            answer = await http.post("/conversations/save-turn", json=turn, headers=headers)
        except httpx.TransportError:
            return False
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return True


async def test_a_service_that_is_killed_under_load_costs_each_client_its_own_retry(
    tmp_path, database, replicas, front
):
    async with AsyncExitStack() as stack:
        hosts = [
            await stack.enter_async_context(AgentHost(tmp_path, front, f"host{n}").kept())
            for n in range(KEEPERS)
        ]
        calls = [call for host in hosts for call in host.calls]
        writers = [Writer(f"writer{n}") for n in range(WRITERS)]
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as load:
            for call in calls:
                load.create_task(call.write(is_over))
            for writer in writers:
                load.create_task(writer.write(front, is_over))
            await _kill_each_in_turn(replicas, calls, writers)
            is_over.set()
        for call in calls:
            await eventually(call.heard, within_s=HANG_S)
        await _all_is_kept_once(tmp_path, database, calls, writers)
        assert all(max(writer.failures, default=1) == 1 for writer in writers)
        assert sum(len(writer.failures) for writer in writers) <= KILLS * WRITERS
        assert not any(call.live.is_fenced for call in calls)


async def _kill_each_in_turn(replicas, calls, writers) -> None:
    for n in range(KILLS):
        await _all_write(calls, writers)
        killed = replicas[n % len(replicas)]
        killed.kill()
        await _all_write(calls, writers)
        await asyncio.to_thread(killed.start)
    await _all_write(calls, writers)


async def _all_write(calls, writers) -> None:
    """Everybody is answered some more."""
    for call in calls:
        look = call.has_written(call.live.ack.acked + BETWEEN)
        await eventually(look, within_s=HANG_S)
    for writer in writers:
        await eventually(_more(writer, len(writer.saved)), within_s=HANG_S)


def _more(writer: Writer, before: int):
    async def look() -> bool:
        return len(writer.saved) > before

    return look


async def _all_is_kept_once(tmp_path, database, calls, writers) -> None:
    blobs = ObjectBlobs.in_folder(tmp_path / "data" / "blobs")
    async with PostgresStore.open(database, blobs, Host()) as store:
        for call in calls:
            log = await store.archive.entries(call.live.session_id)
            said = [entries.decode(e.kind, e.payload) for e in log]
            assert [one.data for one in said] == list(range(call.count))
            assert await store.archive.side_entries(call.live.session_id, limit=1) == []
        for writer in writers:
            assert _texts(database, writer.name) == writer.saved


def _texts(database: str, room_name: str) -> list[str]:
    saved = (
        "select m.text from messages m join sessions s using (session_id) join calls c "
        "on c.call_id = s.call_id where c.room_name = %s order by s.opened_at, m.seq"
    )
    with psycopg.connect(database) as connection:
        return [text for (text,) in connection.execute(saved, [room_name])]
