"""Every error is said and read alike; every refusal is problem+json."""

import sqlite3

import pytest

from unbroken import backend_client as client
from unbroken import errors
from unbroken.archive.http import refusal
from unbroken.errors import ArchiveUnavailable, UnbrokenError
from unbroken.service import errors as service

CONVERSATION = "/api/v1/conversations/00000000-0000-7000-8000-000000000000"


def kinds(of: type[UnbrokenError]) -> list[type[UnbrokenError]]:
    return [of, *(kind for below in of.__subclasses__() for kind in kinds(below))]


KINDS = [kind for kind in kinds(UnbrokenError) if kind.__module__ == errors.__name__]


def test_each_error_has_a_code_of_its_own():
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_tried_again_says_so_by_its_status(kind):
    assert kind.status in {423, 429, 503} or not kind.retryable


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_reads_the_error_that_the_service_has_written(kind):
    answer = service.answer(kind("why"))
    read = refusal("the service", answer.status_code, answer.body, kinds=client.ANSWERS)
    assert type(read) is (kind if kind in client.ANSWERS else ArchiveUnavailable)
    assert str(read).endswith(f"{kind.status}: why")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CONVERSATION, 404, "not_found"),
        ("GET", f"{CONVERSATION}/messages", 404, "not_found"),
        ("GET", f"{CONVERSATION}/turns", 404, "not_found"),
        ("GET", "/api/v1/conversations/no-uuid", 422, "invalid_input"),
        ("GET", f"{CONVERSATION}/messages?limit=0", 422, "invalid_input"),
        ("GET", f"{CONVERSATION}/messages?limit=99999", 422, "invalid_input"),
        ("GET", "/api/v1/conversations?after=%00", 422, "invalid_input"),
        ("GET", "/api/v1/conversations?after=AAAA", 422, "invalid_input"),
        ("GET", "/api/v1/conversations?after=" + "_" * 32, 422, "invalid_input"),
        ("GET", "/api/v1/users/%ff/context", 400, "invalid_input"),
        ("GET", "/api/v1/rooms/a%ed%a0%80", 400, "invalid_input"),
        ("GET", "/api/v1/conversations?user_id=%ff", 400, "invalid_input"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("DELETE", "/api/v1/conversations", 405, "method_not_allowed"),
        ("PUT", f"/api/v1/blobs/{'g' * 64}", 422, "invalid_input"),
    ],
)
async def test_a_refusal_is_a_problem(client, method, path, status, code):
    answer = await client.request(method, path)
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert set(body) == {"type", "title", "status", "code", "detail"}


async def test_what_was_sent_is_not_repeated(client):
    answer = await client.post("/api/v1/rooms", json={"name": ["private words"]})
    assert answer.status_code == 422
    assert "private" not in answer.text


async def test_a_failed_read_is_never_an_empty_list(client, monkeypatch):
    def broken(self, *_given):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("unbroken.store.sqlite.database.SqliteDatabase._read", broken)
    for path in (
        "/api/v1/conversations",
        CONVERSATION,
        f"{CONVERSATION}/messages",
        "/api/v1/users/ann/context",
        "/api/v1/analytics/errors",
        "/readyz",
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "archive_unavailable")
        assert answer.headers["retry-after"] == "1"
    assert (await client.get("/healthz")).status_code == 200


async def test_a_mistake_of_ours_says_nothing_of_itself(client, monkeypatch):
    def broken(self, *_given):
        raise RuntimeError("a secret")

    monkeypatch.setattr("unbroken.store.sqlite.database.SqliteDatabase._read", broken)
    answer = await client.get("/api/v1/conversations")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": 9223372036854775808}',
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
async def test_a_context_that_could_not_be_kept_as_it_is_changes_nothing(client, content):
    path, kind = "/api/v1/users/ann/context", {"content-type": "application/json"}
    await client.put(path, json={"likes": "tea"})
    answer = await client.put(path, content=content, headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert (await client.get(path)).json()["context"] == {"likes": "tea"}
