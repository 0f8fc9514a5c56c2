"""`unbroken doctor --advise`: what it sees of a service, and what it makes of it."""

import json
from uuid import uuid4

import httpx
import pytest

from tests.cli.conftest import said
from tests.service.servers import free_port, service_process
from unbroken.archive.http import RemoteArchive
from unbroken.cli import advice
from unbroken.cli.advice import Load
from unbroken.errors import ArchiveUnavailable
from unbroken.testing.holders import Holder


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_process(tmp_path_factory.mktemp("service"), "ws://127.0.0.1:9") as (_, url):
        yield url


async def test_it_sees_what_there_is_at_the_service(service):
    assert await advice.look(service, None) == Load()
    await _fill(service)
    assert await advice.look(service, None) == Load(
        conversations=2,
        calls=3,
        several_agents=1,
        users_again=1,
        across_rooms=1,
        shared=2,
        locks=1,
        slots=1,
    )
    environ = {"UNBROKEN_ARCHIVE": service, "UNBROKEN_API_KEY": "", "UNBROKEN_REDIS": ""}
    code, told = said("doctor", "--advise", environ=environ)
    assert code == 0
    assert "yes several agents in one room: 1 of 3 calls" in told
    assert "no  a crashed agent's successor goes on: 0 times" in told
    assert "yes locks and global limits: 1 locks and 1 slots are held now" in told
    assert "Coordination: used here (several agents in one room, state that agents share" in told
    assert told.endswith("Redis: not needed: Unbroken needs none for any of these reasons.\n")


async def _fill(service):
    first, user = uuid4(), "ann"
    named = {"conversation_id": first, "user_id": user}
    async with RemoteArchive(service) as archive:
        for room, role in (("bar", "waiter"), ("bar", "cook"), ("hall", "waiter")):
            await Holder(archive).take(room, role=role, agent_name=role, **named)
    async with httpx.AsyncClient(base_url=f"{service}/api/v1", trust_env=False) as client:
        turn = {"room_name": "shop", "participant_identity": user, "user_message": "hello"}
        (await client.post("/conversations/save-turn", json=turn)).raise_for_status()
        for kind in ("lock", "slot"):
            lease = {"id": str(uuid4()), "kind": kind, "name": "oven", "ttl_s": 60}
            (await client.post("/leases", json=lease)).raise_for_status()
        for owner in ("room/bar", f"user/{user}"):
            (await client.put(f"/state/{owner}/menu", json=1)).raise_for_status()


def test_without_a_service_it_says_so(tmp_path):
    environ = {"UNBROKEN_ARCHIVE": "", "UNBROKEN_REDIS": "redis://u:hunter2@x"}
    words = ("doctor", "--advise", "--port", str(free_port()))
    code, told = said(*words, environ=environ)
    assert (code, told.count("\nyes ")) == (0, 1)
    assert told.startswith("No service answered: this is from the configuration only.\n")
    assert "yes a StateManager that several processes share: UNBROKEN_REDIS names a Redis" in told
    assert "hunter2" not in told
    code, told = said(*words, "--json", environ=environ)
    found = json.loads(told)
    assert (code, found["is_seen"], len(found["reasons"])) == (0, False, 7)


async def test_what_is_no_service_of_ours_is_no_load():
    with pytest.raises(ArchiveUnavailable):
        await advice.look(f"http://127.0.0.1:{free_port()}", None)
