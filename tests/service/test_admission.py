"""No more calls than there may be: refused when a room is opened, and when an agent takes one."""

import httpx
import pytest

from tests.service.conftest import opened
from unbroken.archive.http import RemoteArchive
from unbroken.errors import LimitReached
from unbroken.service.first_agent import FirstAgent
from unbroken.service.opening import Opening
from unbroken.service.settings import Settings
from unbroken.testing.holders import Holder

ROOMS, LIMITS = "/api/v1/rooms", "/api/v1/limits"


@pytest.fixture
def settings(settings) -> Settings:
    return settings.model_copy(update={"max_calls": 2, "max_calls_per_user": 1})


@pytest.fixture
async def client(settings, clock, rooms):
    """With a LiveKit that is made up."""
    async with opened(settings, clock) as client:
        parts = client.parts
        rooms.token = parts.livekit.token
        first = FirstAgent(parts.store.waiting, rooms, clock, name="concierge", retry_s=1)
        limits = settings.call_limits
        opening = Opening(
            parts.store.rooms, rooms, clock, first, parts.one_at_a_time, limits=limits
        )
        client.parts = parts._replace(livekit=rooms, opening=opening)
        client._transport.app.state.parts = client.parts
        yield client


async def open_room(client, name, **more):
    return await client.post(ROOMS, json={"name": name} | more)


async def take(client, room):
    holder = Holder(client.parts.store.archive)
    request = holder.request(room)
    limits = client.parts.settings.call_limits
    return await client.parts.store.archive.take(request, limits=limits)


async def test_who_is_refused_is_told_so_politely_and_when_to_come_again(client, rooms):
    for name in ("one", "two"):
        assert (await open_room(client, name)).status_code == 201
    refused = await open_room(client, "three")
    said = refused.json()
    assert (refused.status_code, said["code"]) == (429, "limit_reached")
    assert said["detail"].startswith("All lines are busy at the moment. Please try again")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert "three" not in rooms.rooms  # LiveKit was not asked for it
    assert (await open_room(client, "one")).status_code == 201


async def test_a_user_has_a_limit_of_their_own(client):
    assert (await open_room(client, "one", user_id="ann")).status_code == 201
    refused = await open_room(client, "two", user_id="ann")
    assert refused.status_code == 429
    assert "under your name" in refused.json()["detail"]
    assert (await open_room(client, "two", user_id="bob")).status_code == 201


async def test_limits_shows_who_holds_what(client):
    await open_room(client, "one", user_id="ann")
    await open_room(client, "two")
    await take(client, "two")
    leases = (await client.get(LIMITS)).json()["leases"]
    shown = {(x["kind"], x["name"], x["key"], x["owner"], x["until"] is None) for x in leases}
    assert shown == {
        ("call", "installation", "", "one", False),
        ("call", "user", "ann", "one", False),
        ("call", "installation", "", "two", True),
    }


async def test_a_room_that_livekit_does_not_make_has_no_place(client, rooms, clock):
    find = rooms.find

    async def find_and_go_away(name):
        found = await find(name)
        rooms.is_away = True
        return found

    rooms.find = find_and_go_away
    for name in ("one", "two", "three"):
        rooms.is_away = False
        assert (await open_room(client, name)).status_code == 503
    assert (await client.get(LIMITS)).json()["leases"] == []


async def test_others_in_a_room_whose_call_is_over_begin_a_call_of_their_own(client, rooms):
    await open_room(client, "one", identity="ann")
    taken = await take(client, "one")
    await client.parts.store.rooms.connect("one", "ann", metadata=None, at_us=1)
    assert (await open_room(client, "two")).status_code == 201
    refused = await open_room(client, "one", identity="bob")
    assert refused.status_code == 429
    assert str(taken.conversation_id) in rooms.rooms["one"].metadata  # nothing was changed
    assert (await open_room(client, "one", identity="ann")).status_code == 201


async def test_a_closed_room_makes_room(client):
    for name in ("one", "two"):
        await open_room(client, name)
    assert (await client.delete(f"{ROOMS}/one")).status_code == 204
    assert (await open_room(client, "three")).status_code == 201


async def test_an_agent_that_would_begin_a_call_too_many_is_refused(client, clock):
    async with RemoteArchive(str(client.base_url)) as archive:
        await archive._http.aclose()
        archive._http = httpx.AsyncClient(
            transport=client._transport,
            base_url="http://localhost:8000/api/v1",
            headers={"content-type": "application/msgpack"},
        )
        for room in ("one", "two"):
            await Holder(archive).take(room)
        with pytest.raises(LimitReached, match="All lines are busy"):
            await Holder(archive).take("three")
        assert (await Holder(archive).take("three", is_begun=True)).is_new
