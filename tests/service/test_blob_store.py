"""A service whose blobs are in a bucket: what it says when that is away, or not as it was."""

import hashlib
import time

import pytest

from tests.cli.conftest import running
from tests.s3 import KEY, SECRET
from tests.service.conftest import opened
from unbroken.errors import SettingsInvalid
from unbroken.service.settings import read_settings

CONTENT = b"a large part" * 1_000
SHA256 = hashlib.sha256(CONTENT)
BLOB = f"/api/v1/blobs/{SHA256.hexdigest()}"
READY_S = 2


@pytest.fixture
def bucket(s3, tmp_path_factory, monkeypatch):
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    return s3.make_bucket(tmp_path_factory.mktemp("bucket").name)


@pytest.fixture
def place(s3, bucket):
    """The bucket as its server keeps it."""
    return s3.folder / bucket.removeprefix("s3://")


@pytest.fixture
async def client(settings, bucket):
    inside = settings.model_copy(update={"blobs": f"{bucket}/inside"})
    async with opened(inside) as client:
        yield client


async def upload(client):
    answer = await client.post("/api/v1/files/upload", files={"file": ("a.txt", CONTENT)})
    return answer.status_code, answer.json()


async def test_what_is_uploaded_is_in_the_bucket(client, place, settings):
    assert (await client.put(BLOB, content=CONTENT)).status_code == 204
    assert (await client.get(BLOB)).content == CONTENT
    status, file = await upload(client)
    assert status == 201
    assert (await client.get(f"/api/v1/files/{file['id']}")).content == CONTENT
    found = [path for path in (place / "inside").rglob("*") if path.is_file()]
    assert sum(path.read_bytes() == CONTENT for path in found) == 1
    assert not (settings.data / "blobs").exists()


async def test_a_bucket_that_is_away_is_said_in_time_and_nothing_is_noted(client, place):
    place.rename(place.with_name("away"))
    began_s = time.monotonic()
    ready = await client.get("/readyz")
    assert time.monotonic() - began_s < READY_S
    file = await client.post("/api/v1/files/upload", files={"file": ("a.txt", CONTENT)})
    for answer in (ready, await client.put(BLOB, content=CONTENT), file):
        assert (answer.status_code, answer.json()["code"]) == (503, "archive_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert KEY not in answer.text
    assert (await client.get("/health")).status_code == 200
    place.with_name("away").rename(place)
    assert (await client.get("/readyz")).status_code == 200
    assert (await upload(client))[0] == 201


@pytest.mark.parametrize("change", ["removed", "cut", "other"])
async def test_an_object_that_was_changed_behind_our_back_is_named(client, place, change):
    file = (await upload(client))[1]
    (path,) = [p for p in place.rglob("*") if p.is_file() and p.read_bytes() == CONTENT]
    match change:
        case "removed":
            path.unlink()
        case "cut":
            path.write_bytes(CONTENT[:10])
        case "other":
            path.write_bytes(CONTENT[:-1] + b"!")
    for url, what in ((BLOB, SHA256.hexdigest()), (f"/api/v1/files/{file['id']}", file["id"])):
        answer = await client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert what in answer.json()["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "s3://",
        "ftp://bucket",
        "http://[bad",
        f"s3://{KEY}:{SECRET.replace(' ', '-')}@bucket",
        f"s3://bucket?secret={SECRET}",
        "s3://bucket/../other",
        "s3://bucket//x",
        "s3://bucket:9000/x",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(monkeypatch, url):
    monkeypatch.setenv("UNBROKEN_BLOBS", url or " ")
    with pytest.raises(SettingsInvalid) as raised:
        read_settings()
    assert str(raised.value).startswith("UNBROKEN_BLOBS: ")
    assert not any(word in str(raised.value) for word in (KEY, SECRET, SECRET.replace(" ", "-")))


@pytest.mark.parametrize(
    ("url", "secret", "why"),  # no URL: the bucket
    [
        ("s3://nobody-made-this", SECRET, "s3://nobody-made-this is not there: make the bucket"),
        (None, "another", "refuses its credentials"),
        ("ftp://somewhere", SECRET, "blobs are at s3://BUCKET/PREFIX"),
    ],
)
def test_a_start_that_cannot_succeed_is_one_sentence(s3, bucket, url, secret, why):
    environ = s3.environ(secret=secret) | {"UNBROKEN_DATA": str(s3.folder.parent / "data")}
    with running("serve", "--port", "0", "--blobs", url or bucket, environ=environ) as service:
        said = service.process.stdout.read()
        assert service.process.wait(timeout=60) == 2
    assert why in said
    assert len(said.splitlines()) == 1
    assert all(word not in said for word in (KEY, SECRET))
