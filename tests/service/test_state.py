"""/api/v1/state: what agents share, over HTTP. What `State` makes of it: tests/coordination."""

from datetime import timedelta
from uuid import uuid4

import pytest
from livekit import api

from tests.service.conftest import opened
from unbroken.service.settings import Settings

STATE = "/api/v1/state"
KEY = "right-right-right"
ROOM = f"{STATE}/room/lobby"


async def put(client, path, value, **headers):
    answer = await client.put(f"{STATE}/{path}", json=value, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_value_has_its_version_as_etag(client):
    shown = await put(client, "user/ann/order", {"table": 7})
    answer = await client.get(f"{STATE}/user/ann/order")
    assert answer.json() == shown
    assert (shown["key"], shown["value"], shown["deleted"]) == ("order", {"table": 7}, False)
    assert answer.headers["etag"] == f'"{shown["version"]}"'


async def test_a_condition_that_does_not_hold_is_412(client):
    version = (await put(client, "room/lobby/a", 1))["version"]
    await put(client, "room/lobby/a", 2, **{"if-match": f'"{version}"'})
    await put(client, "room/lobby/b", 2, **{"if-none-match": "*"})
    for method, headers in [
        ("PUT", {"if-match": f'"{version}"'}),
        ("PUT", {"if-none-match": "*"}),
        ("PATCH", {"if-match": f'"{version}"'}),
        ("DELETE", {"if-match": str(version)}),
    ]:
        content = None if method == "DELETE" else {}
        answer = await client.request(method, f"{ROOM}/a", json=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (412, "other_version")


@pytest.mark.parametrize(
    "headers",
    [
        {"if-match": "*"},
        {"if-match": "W/x"},
        {"if-none-match": "1"},
        {"if-match": "1", "if-none-match": "*"},
    ],
)
async def test_a_condition_that_is_none_is_refused(client, headers):
    answer = await client.put(f"{ROOM}/a", json=1, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_an_older_fence_is_412_and_half_of_one_is_none(client):
    lock = {"kind": "lock", "name": "a/b c", "ttl_s": 60}
    fences = []
    for _ in range(2):
        asked = lock | {"id": str(uuid4())}
        fences.append((await client.post("/api/v1/leases", json=asked)).json()["fence"])
        await client.delete(f"/api/v1/leases/{asked['id']}")
    for fence, status in zip(fences, (412, 200), strict=True):
        named = {"lock": lock["name"], "fence": fence}
        for method, body in (("PUT", 1), ("PATCH", 1), ("POST", {"by": 1}), ("DELETE", None)):
            answer = await client.request(method, f"{ROOM}/a", json=body, params=named)
            assert answer.status_code == status, (method, answer.text)
    for half in ({"lock": "a"}, {"fence": 1}, {"lock": "a", "fence": 0}):
        answer = await client.put(f"{ROOM}/a", json=1, params=half)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_slash_in_a_name_is_no_end_of_it(client):
    await put(client, "room/a%2Fb/c", 1)
    await put(client, "room/a/b%2Fc", 2)
    of_first = (await client.get(f"{STATE}/room/a%2Fb")).json()["values"]
    of_second = (await client.get(f"{STATE}/room/a")).json()["values"]
    assert [(v["key"], v["value"]) for v in of_first + of_second] == [("c", 1), ("b/c", 2)]


async def test_values_are_listed_in_pages(client):
    for key in ("b", "a1", "a2"):
        await put(client, f"app/house/{key}", key)
    first = (await client.get(f"{STATE}/app/house", params={"limit": 2})).json()
    assert ([v["key"] for v in first["values"]], first["next"]) == (["a1", "a2"], "a2")
    rest = (await client.get(f"{STATE}/app/house", params={"after": "a2"})).json()
    assert ([v["key"] for v in rest["values"]], rest["next"]) == (["b"], None)
    some = (await client.get(f"{STATE}/app/house", params={"prefix": "a"})).json()
    assert [v["key"] for v in some["values"]] == ["a1", "a2"]


async def test_a_sum_that_is_asked_for_again_is_made_once(client):
    headers = {"idempotency-key": "once"}
    for _ in range(2):
        answer = await client.post(f"{ROOM}/n", json={"by": 2}, headers=headers)
        assert answer.json()["value"] == 2
    assert (await client.post(f"{ROOM}/n", json={})).json()["value"] == 3
    for by in (10**400, -(10**400), 1 << 53, 1e300):
        answer = await client.post(f"{ROOM}/n", json={"by": by})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), by
    await put(client, "room/lobby/n", "text")
    answer = await client.post(f"{ROOM}/n", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"NaN", 422),
        (b"1 2", 422),
        (b'"\\ud800"', 422),
        (b"\xff", 422),
        (b"9" * 5_000, 422),
        (b"[" * 101 + b"]" * 101, 413),
        (b'"' + b"x" * (1 << 18) + b'"', 413),
    ],
)
async def test_what_is_no_value_is_refused(client, content, status):
    kind = {"content-type": "application/json"}
    for method in ("PUT", "PATCH"):
        answer = await client.request(method, f"{ROOM}/a", content=content, headers=kind)
        assert answer.status_code == status, answer.text
    assert (await client.get(f"{ROOM}/a")).status_code == 404


async def test_of_an_erased_owner_nothing_is_left(client):
    await put(client, "user/ann/secret", 1)
    for erased in (True, False):
        answer = await client.delete(f"{STATE}/user/ann")
        assert answer.json() == {"erased": erased}
    assert (await client.get(f"{STATE}/user/ann")).json()["values"] == []


# Browsers: a token to join a room reads that room's state.


@pytest.fixture
async def keyed(settings):
    key = Settings(api_key=KEY).api_key
    async with opened(settings.model_copy(update={"api_key": key})) as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        await put(client, "room/lobby/a", 1)
        yield client


def token(settings, room="lobby", *, secret=None, ttl_s=60, join=True):
    secret = secret or settings.livekit_api_secret.get_secret_value()
    made = api.AccessToken(settings.livekit_api_key, secret).with_identity("ann")
    grants = api.VideoGrants(room_join=join, room=room)
    return made.with_ttl(timedelta(seconds=ttl_s)).with_grants(grants).to_jwt()


def bearer(text):
    return {"authorization": f"Bearer {text}"}


async def test_a_token_for_a_room_reads_its_state(keyed, settings):
    for path in (ROOM, f"{ROOM}/a"):
        assert (await keyed.get(path, headers=bearer(token(settings)))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{STATE}/room/other"),
        ("GET", f"{STATE}/user/lobby"),
        ("GET", f"{STATE}/app/lobby"),
        ("PUT", f"{ROOM}/a"),
        ("DELETE", ROOM),
        ("GET", "/api/v1/rooms/lobby"),
        ("GET", f"{STATE}/room/lobby%2Fa"),
        ("GET", f"{STATE}/room/..%2Froom%2Flobby"),
    ],
)
async def test_it_opens_nothing_else(keyed, settings, method, path):
    answer = await keyed.request(method, path, headers=bearer(token(settings)))
    assert answer.status_code == 401


async def test_a_token_that_is_none_opens_nothing(keyed, settings):
    others = [token(settings, secret="t" * 32), token(settings, ttl_s=-3_600)]
    others += [token(settings, join=False), "x.y.z", "ä"]
    for other in others:
        head = [(b"authorization", f"Bearer {other}".encode("latin-1"))]
        assert (await keyed.get(ROOM, headers=head)).status_code == 401
