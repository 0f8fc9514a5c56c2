"""/rooms against a real livekit-server."""

import asyncio
import base64
import json
import os
import subprocess
from uuid import UUID

import pytest
from livekit import api, rtc

from tests.service.conftest import opened
from tests.service.servers import KEY, SECRET, livekit_server, service
from unbroken.dispatch import Said, json_object
from unbroken.log import entries
from unbroken.service.settings import Settings
from unbroken.testing.holders import Holder, entry

ROOMS = "/api/v1/rooms"
SEEDS_CURL = """\
curl -X POST http://localhost:8000/api/v1/rooms \\
  -H "Content-Type: application/json" \\
  -d '{"name": "test-room"}'
"""


@pytest.fixture(scope="module")
def livekit_url(tmp_path_factory):
    with livekit_server(tmp_path_factory.mktemp("livekit")) as url:
        yield url


@pytest.fixture
def settings(tmp_path, livekit_url) -> Settings:
    return Settings(
        data=tmp_path,
        livekit_url=livekit_url,
        livekit_api_key=KEY,
        livekit_api_secret=SECRET,
        public_livekit_url="wss://livekit.example",
    )


@pytest.fixture
async def livekit(livekit_url):
    async with api.LiveKitAPI(livekit_url, KEY, SECRET) as client:
        yield client


@pytest.fixture
def name(request) -> str:
    """Rooms live on in the server, so each test has its own."""
    return f"room of {request.node.name}"


async def open_room(client, name, **more):
    answer = await client.post(ROOMS, json={"name": name} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def room_of(livekit, name):
    found = await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))
    return found.rooms[0] if found.rooms else None


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_the_agents_that_are_named_are_asked_for_also_when_the_room_is_made_again(
    client, livekit, name
):
    async def asked() -> list[str]:
        return sorted(d.agent_name for d in await livekit.agent_dispatch.list_dispatch(name))

    await open_room(client, name, agents=["notary", "greeter", "notary"])
    assert await asked() == ["greeter", "notary"]
    waiting = (await client.get(f"{ROOMS}/{name}")).json()["waiting"]
    assert waiting["agent_name"] == "notary"
    assert '"notary"' in waiting["because"]
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    assert (await client.post(f"{ROOMS}/{name}/token")).status_code == 200
    assert await asked() == ["greeter", "notary"]


@pytest.mark.parametrize("agents", [[], [""], ["a"] * 9, "concierge"])
async def test_agents_that_cannot_be_asked_for_are_refused(client, name, agents):
    assert (await client.post(ROOMS, json={"name": name, "agents": agents})).status_code == 422


async def test_a_room_is_made_here_and_on_livekit(client, livekit, name):
    room = await open_room(client, name, user_id="ann")
    made = await room_of(livekit, name)
    assert (room["name"], room["sid"]) == (name, made.sid)
    assert json.loads(made.metadata) == {"conversation_id": room["conversation_id"]}
    assert made.departure_timeout == 60
    assert room["url"] == "wss://livekit.example"
    UUID(room["room_id"])
    found = await client.get(f"/api/v1/conversations/{room['conversation_id']}")
    assert (found.json()["user_id"], found.json()["calls"]) == ("ann", 0)


async def test_our_agent_is_on_its_way(client, livekit, name):
    await open_room(client, name)
    dispatches = await livekit.agent_dispatch.list_dispatch(name)
    assert [d.agent_name for d in dispatches] == ["concierge"]


async def test_the_agent_of_the_settings_is_the_one_that_is_asked_for(settings, livekit, name):
    named = settings.model_copy(update={"agent_name": "notary"})
    async with opened(named) as client:
        await open_room(client, name)
        waiting = (await client.get(f"{ROOMS}/{name}")).json()["waiting"]
    assert waiting["agent_name"] == "notary"
    assert '"notary"' in waiting["because"]
    dispatches = await livekit.agent_dispatch.list_dispatch(name)
    assert [d.agent_name for d in dispatches] == ["notary"]


async def test_a_room_without_its_agent_gets_another(client, livekit, clock, name):
    await open_room(client, name)
    (first,) = await livekit.agent_dispatch.list_dispatch(name)
    await open_room(client, name)
    assert [d.id for d in await livekit.agent_dispatch.list_dispatch(name)] == [first.id]
    clock.advance(6)
    await open_room(client, name)
    (second,) = await livekit.agent_dispatch.list_dispatch(name)
    assert second.id != first.id


async def test_again_is_the_same_room(client, name):
    first, *rest = await asyncio.gather(*(open_room(client, name) for _ in range(4)))
    for again in rest:
        for key in ("name", "sid", "conversation_id", "room_id"):
            assert again[key] == first[key]


async def test_a_token_is_for_one_person_and_little_else(client, name):
    room = await open_room(client, name)
    found = claims(room["token"])
    assert found["sub"] == room["identity"]
    assert found["exp"] - found["nbf"] <= 600
    assert found["video"] == {
        "roomJoin": True,
        "room": name,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": False,
        "canPublishSources": ["microphone"],
    }


async def test_a_token_may_name_its_person(client, name):
    await open_room(client, name)
    answer = await client.post(f"{ROOMS}/{name}/token", json={"identity": "bob", "name": "Bob"})
    found = claims(answer.json()["token"])
    assert (answer.json()["identity"], found["sub"], found["name"]) == ("bob", "bob", "Bob")
    assert (await client.post(f"{ROOMS}/{name}/token")).status_code == 200


@pytest.mark.parametrize("identity", ["agent-AJ_x", "Agent-1", "agent-"])
async def test_no_person_joins_as_an_agent(client, name, identity):
    await open_room(client, name)
    answers = [
        await client.post(f"{ROOMS}/{name}/token", json={"identity": identity}),
        await client.post(ROOMS, json={"name": name, "identity": identity}),
        await client.post(ROOMS, json={"name": name, "user_id": identity}),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(422, "invalid_input")] * 3


async def test_no_person_joins_under_the_identity_of_a_holder(client, archive, name):
    room = await open_room(client, name)
    holder = Holder(archive)
    await holder.take(name, room_sid=room["sid"], agent_identity="the concierge")
    for asked in ({"identity": "the concierge"}, {"identity": "the concierge", "name": "x"}):
        answer = await client.post(f"{ROOMS}/{name}/token", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    answer = await client.post(f"{ROOMS}/another {name}/token", json={"identity": "x"})
    assert answer.status_code == 404
    await open_room(client, f"another {name}", identity="the concierge")


async def test_no_person_joins_under_the_identity_of_an_agent_that_is_there(
    client, livekit_url, name
):
    await open_room(client, name)
    grants = api.VideoGrants(room_join=True, room=name, agent=True)
    token = api.AccessToken(KEY, SECRET).with_identity("helper").with_kind("agent")
    agent = rtc.Room()
    await agent.connect(livekit_url, token.with_grants(grants).to_jwt())
    try:
        answer = await client.post(f"{ROOMS}/{name}/token", json={"identity": "helper"})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    finally:
        await agent.disconnect()


async def test_no_token_for_a_room_that_nobody_opened(client, name):
    answer = await client.post(f"{ROOMS}/{name}/token")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_room_says_why_nobody_has_come(client, archive, clock, name):
    await Holder(archive).take(f"{name}, another", agent_name="clerk")
    room = await open_room(client, name)
    waiting = (await client.get(f"{ROOMS}/{name}")).json()["waiting"]
    assert waiting["agent_name"] == "concierge"
    assert "has not come yet" in waiting["because"]
    assert (waiting["tries"], waiting["gives_up_at"]) == (1, None)
    assert waiting["since"] < waiting["next_try_at"]
    clock.advance(6)
    await open_room(client, name)
    waiting = (await client.get(f"{ROOMS}/{name}")).json()["waiting"]
    assert 'registered under the name "concierge"' in waiting["because"]
    assert waiting["seen_agent_names"] == ["clerk"]
    await Holder(archive).take(name, room_sid=room["sid"])
    assert (await client.get(f"{ROOMS}/{name}")).json()["waiting"] is None


async def test_who_comes_back_to_a_room_meets_an_agent_that_is_told_the_same(
    client, archive, livekit, name
):
    room = await open_room(client, name, user_id="ann")
    holder = Holder(archive)
    said = Said('{"customer":"c-17"}', {"tier": "gold"})
    await holder.take(name, room_sid=room["sid"], said=said)
    person = entries.encode(entries.ParticipantJoined("ann", "standard", "Ann", "", {}))[0]
    await holder.append(1, entry(person, kind="participant_joined"), final="empty")
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    await client.post(f"{ROOMS}/{name}/token", json={"identity": "ann"})
    (asked,) = await livekit.agent_dispatch.list_dispatch(name)
    assert Said(asked.metadata, dict(asked.attributes)) == said


async def test_rooms_are_listed(client, name):
    room = await open_room(client, name)
    listed = (await client.get(ROOMS)).json()["rooms"]
    (found,) = [r for r in listed if r["name"] == name]
    assert found["conversation_id"] == room["conversation_id"]
    assert (found["sid"], found["participants"]) == (room["sid"], 0)
    assert (await client.get(f"{ROOMS}/{name}")).json() == found


async def test_a_closed_room_is_gone_and_its_conversation_is_not(client, livekit, name):
    room = await open_room(client, name)
    assert (await client.delete(f"{ROOMS}/{name}")).status_code == 204
    assert await room_of(livekit, name) is None
    assert (await client.get(f"{ROOMS}/{name}")).status_code == 404
    assert (await client.delete(f"{ROOMS}/{name}")).status_code == 404
    found = await client.get(f"/api/v1/conversations/{room['conversation_id']}")
    assert found.status_code == 200


async def test_of_many_writers_at_once_none_loses_a_key(client, name, monkeypatch):
    """Although LiveKit shows what it was told only some looks later."""
    room = await open_room(client, name)
    rooms = client.parts.livekit
    find, told, looks = rooms.find, rooms._client.room.update_room_metadata, []
    before = await find(name)

    async def tell(request):
        looks[:] = [await find(name)] * 3
        return await told(request)

    async def find_late(asked):
        return looks.pop() if looks else await find(asked)

    monkeypatch.setattr(rooms, "find", find_late)
    monkeypatch.setattr(rooms._client.room, "update_room_metadata", tell)
    keys = [f"k{n}" for n in range(8)]
    await asyncio.gather(*(client.put(f"{ROOMS}/{name}/metadata", json={k: 1}) for k in keys))
    kept = json.loads((await find(name)).metadata)
    assert kept == json.loads(before.metadata) | dict.fromkeys(keys, 1)
    assert kept["conversation_id"] == room["conversation_id"]


async def test_metadata_is_merged(client, livekit, name):
    room = await open_room(client, name)
    answer = await client.put(f"{ROOMS}/{name}/metadata", json={"user": {"likes": "tea"}})
    expected = {"conversation_id": room["conversation_id"], "user": {"likes": "tea"}}
    assert answer.json() == expected
    assert json.loads((await room_of(livekit, name)).metadata) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"s":"\\ud800"}',
        b'{"s":{"\\udfff":1}}',
        b'{"d":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"x":NaN}',
        b'{"x":[Infinity]}',
        b'{"x":' + b"9" * 400 + b"}",
        b'{"z":"' + b"q" * (64 << 10) + b'"}',
        b'{"conversation_id":"00000000-0000-7000-8000-00000000beef"}',
        b'{"conversation_id":null}',
        b'{"unbroken":{}}',
        b"[1]",
        b'{"a":',
    ],
)
async def test_metadata_that_no_agent_may_read_changes_nothing(client, livekit, name, body):
    room = await open_room(client, name)
    url, headers = f"{ROOMS}/{name}/metadata", {"content-type": "application/json"}
    refused = await client.put(url, content=body, headers=headers)
    assert refused.status_code in (413, 422)
    assert refused.json()["code"] in ("too_large", "invalid_input")
    expected = {"conversation_id": room["conversation_id"]}
    assert json.loads((await room_of(livekit, name)).metadata) == expected
    answer = await client.put(url, json=expected | {"ok": 1})
    assert answer.json() == expected | {"ok": 1}


@pytest.mark.parametrize(
    "poison",
    [
        '{"s":"\\ud800"',
        '{"d":' + "[" * 300 + "]" * 300,
        '{"x":NaN',
        '{"z":"' + "q" * 100_000 + '"',
    ],
)
async def test_a_poisoned_room_is_healed(client, livekit, name, poison):
    room = await open_room(client, name)
    ours = room["conversation_id"]
    text = f'{poison},"kept":1,"conversation_id":"{ours}"}}'
    await livekit.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=name, metadata=text))
    answer = await client.put(f"{ROOMS}/{name}/metadata", json={"b": 1})
    expected = {"kept": 1, "conversation_id": ours, "b": 1}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert json_object((await room_of(livekit, name)).metadata) == expected


async def test_metadata_of_no_room(client, name):
    assert (await client.put(f"{ROOMS}/{name}/metadata", json={})).status_code == 404


async def test_a_room_that_another_made_gets_a_conversation(client, livekit, name):
    made = await livekit.room.create_room(api.CreateRoomRequest(name=name, metadata='{"a":1}'))
    room = await open_room(client, name)
    assert room["sid"] == made.sid
    metadata = json.loads((await room_of(livekit, name)).metadata)
    assert metadata == {"a": 1, "conversation_id": room["conversation_id"]}


async def test_the_next_call_in_a_room_of_that_name_is_a_new_conversation(client, archive, name):
    first = await open_room(client, name)
    await Holder(archive).take(name, room_sid=first["sid"])
    await client.delete(f"{ROOMS}/{name}")
    second = await open_room(client, name)
    assert second["conversation_id"] != first["conversation_id"]
    assert second["room_id"] != first["room_id"]


async def test_a_room_lost_by_livekit_goes_on_with_its_living_agent(client, livekit, archive, name):
    first = await open_room(client, name)
    holder = Holder(archive)
    await holder.take(name, room_sid=first["sid"])
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    second = await open_room(client, name)
    assert second["sid"] != first["sid"]
    assert second["conversation_id"] == first["conversation_id"]


async def test_a_room_in_which_nobody_spoke_keeps_its_conversation(client, livekit, name):
    first = await open_room(client, name)
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    assert (await open_room(client, name))["conversation_id"] == first["conversation_id"]


async def test_a_conversation_goes_on_where_it_is_asked_to(client, name):
    first = await open_room(client, name)
    wanted = {"conversation_id": first["conversation_id"]}
    assert (await open_room(client, f"{name} 2", **wanted))["conversation_id"] == (
        first["conversation_id"]
    )
    other = (await open_room(client, f"{name} 3"))["conversation_id"]
    refused = await client.post(ROOMS, json={"name": name, "conversation_id": other})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_an_agent_finds_the_conversation_of_its_room(client, archive, name):
    room = await open_room(client, name)
    taken = await Holder(archive).take(name, room_sid=room["sid"])
    assert str(taken.conversation_id) == room["conversation_id"]
    announced = await client.post(f"{ROOMS}/{name}/agents", json={"metadata": {"v": 1}})
    assert announced.json() == {
        "conversation_id": room["conversation_id"],
        "call_id": str(taken.call_id),
    }


async def test_an_announced_agent_takes_the_call_it_announced(client, archive, name):
    room = await open_room(client, name)
    announced = (await client.post(f"{ROOMS}/{name}/agent-joined")).json()
    taken = await Holder(archive).take(name, room_sid=room["sid"])
    assert str(taken.call_id) == announced["call_id"]


async def test_names_with_slashes_are_names(client, livekit):
    room = await open_room(client, "a/b token/c")
    found = await client.get(f"{ROOMS}/a/b%20token/c")
    assert found.json()["sid"] == room["sid"]


@pytest.mark.parametrize("bad", ["", "x" * 257, "a\nb", "a\x00b", "a\ud800b", 7, None])
async def test_bad_names_are_refused(client, bad):
    body = json.dumps({"name": bad})
    answer = await client.post(ROOMS, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_while_livekit_is_away_nothing_is_half_made(tmp_path, livekit_url, name):
    away = Settings(
        data=tmp_path,
        livekit_url="ws://127.0.0.1:9",
        livekit_api_key=KEY,
        livekit_api_secret=SECRET,
    )
    async with opened(away) as client:
        for answer in (
            await client.post(ROOMS, json={"name": name}),
            await client.get(ROOMS),
            await client.delete(f"{ROOMS}/{name}"),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "room_server_unavailable"
        assert (await client.get("/api/v1/conversations")).json()["conversations"] == []
    async with opened(away.model_copy(update={"livekit_url": livekit_url})) as client:
        await open_room(client, name)


async def test_a_wrong_secret_is_named(tmp_path, livekit_url, name):
    wrong = Settings(
        data=tmp_path,
        livekit_url=livekit_url,
        livekit_api_key=KEY,
        livekit_api_secret="w" * 32,
    )
    async with opened(wrong) as client:
        answer = await client.post(ROOMS, json={"name": name})
        assert answer.status_code == 503
        assert "LIVEKIT_API_SECRET" in answer.json()["detail"]


def test_the_seeds_own_curl(tmp_path, livekit_url):
    with service(tmp_path, livekit_url) as url:
        script = SEEDS_CURL.replace("localhost:8000", url.replace("http://127.0.0.1", "localhost"))
        said = subprocess.run(
            ["sh", "-c", script],
            check=True,
            capture_output=True,
            env=os.environ | {"no_proxy": "localhost"},
        )
    room = json.loads(said.stdout)
    assert room["name"] == "test-room"
    assert room["sid"].startswith("RM_")
    assert room["url"] == livekit_url
