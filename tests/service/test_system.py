"""/system, /openapi.json and the console."""

import pytest

from unbroken.service import pages
from unbroken.store.sqlite import database


async def test_what_runs_here(client):
    found = (await client.get("/api/v1/system")).json()
    assert found["store"]["system_id"] == client.parts.store.archive.identity.system_id
    assert (found["demo"], found["model"]) == (False, None)
    assert found["livekit_url"] == client.parts.settings.livekit_url
    assert found["version"]


async def test_the_contract_is_published(client):
    found = (await client.get("/openapi.json")).json()
    for path in ("/rooms", "/conversations", "/sessions/take", "/journal", "/files/upload"):
        assert f"/api/v1{path}" in found["paths"]


@pytest.fixture
def console(tmp_path, monkeypatch):
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>unbroken</title>")
    (folder / "assets" / "main-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(pages, "FOLDER", folder)
    return folder


async def test_the_console_is_served(client, console):
    for path in ("/", "/conversations", "/conversations/7"):
        answer = await client.get(path)
        assert (answer.status_code, answer.text) == (200, "<title>unbroken</title>")
        assert answer.headers["cache-control"] == "no-cache"
    script = await client.get("/assets/main-1a2b.js")
    assert (script.text, "immutable" in script.headers["cache-control"]) == ("1", True)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "//etc/passwd",
        "/%00",
        "/" + "x" * 999,
    ],
)
async def test_nothing_beside_the_console_is_served(client, console, path):
    answer = await client.get(path)
    assert "secret" not in answer.text
    assert "root:" not in answer.text


async def test_a_path_of_the_api_is_no_page(client, console):
    for path in ("/api", "/api/v2/x", "/api/v1/x"):
        assert (await client.get(path)).status_code == 404


async def test_a_console_that_is_not_built_says_so(client, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "FOLDER", tmp_path / "none")
    answer = await client.get("/")
    assert (answer.status_code, "not built" in answer.text) == (404, True)


async def test_a_service_whose_disk_is_full_is_not_ready(client, monkeypatch):
    assert (await client.get("/readyz")).status_code == 200
    monkeypatch.setattr(database, "FREE_BYTES_MIN", 1 << 62)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "archive_unavailable")
    assert "full" in answer.json()["detail"]


async def test_a_service_that_can_keep_nothing_is_not_ready(client):
    of = client.parts.store._database
    of._writing.execute("pragma query_only = 1")
    saved = await client.post("/api/v1/rooms/r/agents")
    assert (saved.status_code, (await client.get("/readyz")).status_code) == (503, 503)
    of._writing.execute("pragma query_only = 0")
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/redoc", "/rooms/a/b", "/no.js"])
async def test_what_is_no_page_is_not_found(client, console, path):
    answer = await client.get(path)
    assert (answer.status_code, "unbroken" in answer.text) == (404, True)


async def test_what_browsers_read_comes_compressed(client, console):
    (console / "long.js").write_text("// words\n" * 1_000)
    assert (await client.get("/long.js")).headers["content-encoding"] == "gzip"
    plain = await client.get("/long.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
