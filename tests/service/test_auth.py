"""Who is let in."""

import httpx
import pytest

from tests.service.conftest import opened
from unbroken.errors import SettingsInvalid
from unbroken.service.pages import content_policy
from unbroken.service.server import bind
from unbroken.service.settings import Settings, read_settings

SYSTEM = "/api/v1/system"
KEY = "right-right-right"


@pytest.fixture
async def keyed(settings):
    async with opened(settings.model_copy(update={"api_key": _secret(KEY)})) as client:
        yield client


def _secret(text):
    return Settings(api_key=text).api_key


@pytest.mark.parametrize("given", [None, "", KEY, "Bearer", "Bearer wrong", f"Basic {KEY}"])
async def test_without_the_key_nothing_is_answered(keyed, given):
    headers = {} if given is None else {"authorization": given}
    for path in (SYSTEM, "/api/v1/journal", "/api/v1/no-such-thing", "/api/v1"):
        answer = await keyed.post(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_with_the_key_all_is_answered(keyed):
    for scheme in ("Bearer", "bearer"):
        answer = await keyed.get(SYSTEM, headers={"authorization": f"{scheme} {KEY}"})
        assert answer.status_code == 200


async def test_health_and_pages_need_no_key(keyed):
    assert (await keyed.get("/healthz")).status_code == 200
    assert (await keyed.get("/")).status_code in (200, 404)


async def test_with_a_key_any_name_may_be_used(keyed):
    headers = {"authorization": f"Bearer {KEY}", "host": "voice.example.com"}
    assert (await keyed.get(SYSTEM, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:8000", "[::1]", "[::1]:9", "LOCALHOST:80"]
)
async def test_our_own_names_are_answered(client, host):
    assert (await client.get(SYSTEM, headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io:80",
        "",
        "[::1",
        "a@localhost.x",
        "evil.example@localhost",
        "localhost/evil.example",
        "localhost?evil.example",
        "localhost#evil.example",
        "localhost, evil.example",
        "localhost.",
        "localhost:80:80",
        "localhost:+80",
    ],
)
async def test_other_names_are_refused(client, host):
    for path in (SYSTEM, "/", "/healthz"):
        answer = await client.get(path, headers={"host": host})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://localhost.evil.example",
        "http://localhost:3000",
        "http://localhost",
        "http://127.0.0.1:8000",
        "http://localhost:x",
        "",
        "//localhost:8000",
        "ws://localhost:8000",
        "http://localhost:8000/",
        "http://evil.example@localhost:8000",
        "http://localhost:8000, http://evil.example",
        "http://evil.example http://localhost:8000",
    ],
)
async def test_a_page_of_another_origin_is_refused(client, origin):
    for path in (SYSTEM, "/api/v1/rooms", "/api/v1/rooms/r/agents", "/api/v1/files/upload"):
        answer = await client.post(path, headers={"origin": origin})
        assert answer.status_code == 401
        assert (await client.get(path, headers={"origin": origin})).status_code == 401


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("host", ("localhost", "localhost")),
        ("host", ("evil.example", "localhost")),
        ("origin", ("http://evil.example", "http://localhost:8000")),
        ("content-type", ("text/plain", "application/json")),
        ("content-encoding", ("zstd", "identity")),
        ("idempotency-key", ("a", "b")),
        ("Authorization", ("Bearer wrong", f"Bearer {KEY}")),
    ],
)
async def test_what_may_be_said_once_is_refused_if_it_is_said_twice(keyed, name, values):
    headers = [("host", "localhost:8000"), ("authorization", f"Bearer {KEY}")]
    headers = [h for h in headers if h[0] != name.lower()] + [(name, v) for v in values]
    answer = await keyed.post("/api/v1/rooms/r/agents", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://LOCALHOST", "localhost:443"),
        ("http://[::1]:9", "[::1]:9"),
    ],
)
async def test_our_own_page_is_answered(client, origin, host):
    answer = await client.get(SYSTEM, headers={"origin": origin, "host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/v1/rooms/r/agents", "text/plain", 415),
        ("/api/v1/sessions/take", "text/plain;charset=utf-8", 415),
        ("/api/v1/rooms", "application/x-www-form-urlencoded", 415),
        ("/api/v1/rooms", "multipart/form-data; boundary=b", 415),
        ("/api/v1/rooms", "application/octet-stream", 415),
        (f"/api/v1/blobs/{'0' * 64}", "text/plain", 415),
        (f"/api/v1/blobs/{'0' * 64}", "application/octet-stream", 405),
        ("/api/v1/sessions/take", "application/msgpack", 422),
        ("/api/v1/sessions/take", None, 422),
        ("/api/v1/files/upload", "multipart/form-data; boundary=b", 422),
        ("/api/v1/rooms/r/agents", "application/json; charset=utf-8", 200),
    ],
)
async def test_without_a_key_no_body_is_taken_that_any_page_may_send(client, path, kind, status):
    content = b"{}" if kind is None or "b" not in kind.partition("=")[2] else b"--b--\r\n"
    headers = {"content-type": kind} if kind else {}
    answer = await client.post(path, content=content, headers=headers)
    assert answer.status_code == status


async def test_a_page_names_what_it_sends(client):
    headers = {"origin": "http://localhost:8000"}
    answer = await client.post("/api/v1/sessions/take", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert (await client.post("/api/v1/rooms/r/agents", headers=headers)).status_code == 200


async def test_every_answer_is_taken_for_what_it_is(client):
    for path in ("/", "/healthz", SYSTEM, "/api/v1/nothing", "/api/v1/conversations?limit=0"):
        for host in ("localhost", "evil.example"):
            answer = await client.get(path, headers={"host": host})
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "frame-ancestors 'none'" in policy


def test_a_page_may_speak_to_us_and_to_livekit():
    assert "connect-src 'self' ws://h:7880 wss://h:7880 " in content_policy("ws://h:7880")
    assert " wss://*.livekit.cloud " in content_policy("wss://mine.livekit.cloud")
    assert "unsafe" not in content_policy("ws://h")


@pytest.mark.parametrize("key", ["short", "x" * 15, "sixteen letters !", "x" * 16 + "\n"])
def test_a_key_that_is_easily_guessed_is_refused_at_the_start(monkeypatch, key):
    monkeypatch.setenv("UNBROKEN_API_KEY", key)
    with pytest.raises(SettingsInvalid, match=r"UNBROKEN_API_KEY.*16 characters"):
        read_settings()


@pytest.mark.parametrize(
    ("host", "url", "is_refused"),
    [
        ("127.0.0.1", "ws://127.0.0.1:7880", False),
        ("0.0.0.0", "ws://127.0.0.1:7880", True),  # noqa: S104 - refused
        ("127.0.0.1", "wss://livekit.example", True),
    ],
)
def test_livekits_public_keys_are_for_this_host_only(host, url, is_refused):
    settings = Settings(host=host, port=0, api_key=KEY, livekit_url=url)
    assert settings.has_public_secret is is_refused
    own = settings.model_copy(update={"livekit_api_secret": _secret("s" * 32)})
    assert not own.has_public_secret
    if is_refused:
        with pytest.raises(SettingsInvalid, match="LIVEKIT_API_SECRET"):
            bind(settings)


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
