"""A service that counts windows in Redis, and goes on when that is gone."""

import asyncio
import sys

import httpx
import pytest

from tests.redis_server import redis_server
from tests.service.servers import running, service_process
from unbroken.errors import SettingsInvalid
from unbroken.service.settings import Settings, read_settings

NOBODY = "ws://127.0.0.1:9"
LIMIT = 3
ASKED = {"name": "sms", "key": "ann", "limit": LIMIT, "per_s": 3_600}


@pytest.fixture
def own(tmp_path, redis_program):
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis", redis_program) as server:
        yield server


async def admitted(client, times=3 * LIMIT):
    """Of so many."""
    answers = [await client.post("/api/v1/limits/admit", json=ASKED) for _ in range(times)]
    assert {answer.status_code for answer in answers} <= {200, 429}
    return sum(answer.status_code == 200 for answer in answers)


async def test_two_services_have_one_window_and_a_lost_redis_is_no_outage(tmp_path, own, database):
    with own.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "on", ">hunter2", "~*", "+@all")
    url = own.url.replace("//", "//counter:hunter2@")
    variables = {"UNBROKEN_REDIS": url, "UNBROKEN_DATABASE": database}
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with (
        service_process(folders[0], NOBODY, **variables) as (_, one),
        service_process(folders[1], NOBODY, **variables) as (_, two),
    ):
        async with (
            httpx.AsyncClient(base_url=one, trust_env=False, timeout=60) as first,
            httpx.AsyncClient(base_url=two, trust_env=False, timeout=60) as second,
        ):
            before = [await admitted(client) for client in (first, second)]
            with own.client() as client:
                assert len(list(client.scan_iter(match="unbroken:*:rate"))) == 1
            own.kill()
            behind = [await admitted(client) for client in (first, second, first)]
            for client in (first, second):
                assert (await client.get("/readyz")).status_code == 200
    logs = [(folder / "service.log").read_text() for folder in folders]
    losses = sum(log.count("Redis is away") for log in logs)
    assert losses - sum(log.count("Redis is back") for log in logs) == 2
    if losses == 2:  # on a machine that is busy enough it was taken for away before
        assert (sum(before), sum(behind)) == (LIMIT, LIMIT)
    assert LIMIT <= sum(before) + sum(behind) <= 2 * LIMIT
    assert "hunter2" not in "".join(logs)


async def test_a_redis_that_is_away_keeps_no_service_from_starting(tmp_path):
    with service_process(tmp_path, NOBODY, UNBROKEN_REDIS="redis://127.0.0.1:1/0") as (_, url):
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            assert await admitted(client) == LIMIT


@pytest.mark.parametrize("url", ["http://x", "redis://:hunter2@host:port", "redis+sentinel://x"])
def test_a_bad_url_is_named_without_its_password(monkeypatch, url):
    monkeypatch.setenv("UNBROKEN_REDIS", url)
    with pytest.raises(SettingsInvalid, match="UNBROKEN_REDIS") as raised:
        read_settings()
    assert "hunter2" not in str(raised.value)


def test_the_url_is_not_shown():
    assert "hunter2" not in repr(Settings(redis="redis://:hunter2@host:6379/0"))


async def test_without_its_driver_it_is_one_sentence(tmp_path):
    """As where the extra is not installed."""
    program = "import sys; sys.modules['redis'] = None; from unbroken.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", "0"]
    variables = {"UNBROKEN_DATA": str(tmp_path / "data"), "UNBROKEN_REDIS": "redis://127.0.0.1:1"}
    log = tmp_path / "log"
    with running(command, log, **variables) as process:
        code = await asyncio.to_thread(process.wait, 60)
    assert code == 2
    assert "pip install 'unbroken[redis]'" in log.read_text()
