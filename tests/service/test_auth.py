"""Who is let in."""

import httpx
import pytest

from tests.service.conftest import opened
from unbroken.errors import SettingsInvalid
from unbroken.service.server import bind
from unbroken.service.settings import Settings

SYSTEM = "/api/v1/system"


@pytest.fixture
async def keyed(settings):
    async with opened(settings.model_copy(update={"api_key": _secret("right")})) as client:
        yield client


def _secret(text):
    return Settings(api_key=text).api_key


@pytest.mark.parametrize("given", [None, "", "right", "Bearer", "Bearer wrong", "Basic right"])
async def test_without_the_key_nothing_is_answered(keyed, given):
    headers = {} if given is None else {"authorization": given}
    for path in (SYSTEM, "/api/v1/journal", "/api/v1/no-such-thing", "/api/v1"):
        answer = await keyed.post(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_with_the_key_all_is_answered(keyed):
    for scheme in ("Bearer", "bearer"):
        answer = await keyed.get(SYSTEM, headers={"authorization": f"{scheme} right"})
        assert answer.status_code == 200


async def test_health_and_pages_need_no_key(keyed):
    assert (await keyed.get("/healthz")).status_code == 200
    assert (await keyed.get("/")).status_code in (200, 404)


async def test_with_a_key_any_name_may_be_used(keyed):
    headers = {"authorization": "Bearer right", "host": "voice.example.com"}
    assert (await keyed.get(SYSTEM, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:8000", "[::1]", "[::1]:9", "LOCALHOST:80"]
)
async def test_our_own_names_are_answered(client, host):
    assert (await client.get(SYSTEM, headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "", "[::1", "a@localhost.x"],
)
async def test_other_names_are_refused(client, host):
    for path in (SYSTEM, "/", "/healthz"):
        answer = await client.get(path, headers={"host": host})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_page_of_another_origin_is_refused(client):
    for origin in ("http://evil.example", "null", "https://localhost.evil.example"):
        answer = await client.post("/api/v1/rooms", headers={"origin": origin})
        assert answer.status_code == 401
    answer = await client.get(SYSTEM, headers={"origin": "http://localhost:8000"})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104 - refused
def test_beyond_loopback_a_key_is_needed(host):
    with pytest.raises(SettingsInvalid, match="UNBROKEN_API_KEY"):
        bind(Settings(host=host, port=0))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_on_loopback_none_is_needed(host):
    bind(Settings(host=host, port=0)).close()


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_other_loopback_is_one_too(host):
    assert Settings(host=host).is_loopback


async def test_a_large_body_is_refused(client):
    for path in ("/api/v1/rooms", "/api/v1/sessions/save"):
        answer = await client.post(
            path, content=b'"' + b"x" * (2 << 20), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_large_body_without_a_length_is_refused(client):
    async def chunks():
        for _ in range(40):
            yield b"x" * (64 << 10)

    headers = {"content-type": "application/json"}
    answer = await client.post("/api/v1/rooms", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, "1e3"])
async def test_a_length_that_is_none_is_refused(settings, length):
    async with opened(settings) as client:
        request = httpx.Request("POST", f"{client.base_url}/api/v1/rooms", content=b"")
        request.headers["content-length"] = length
        assert (await client.send(request)).status_code == 413
