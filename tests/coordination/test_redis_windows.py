"""Windows in Redis, Valkey and a cluster: what the stores promise of them, and that they end."""

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import redis as driver

from bench.coordination_checks import Admitted, over_windows
from tests.coordination.redis_clock import RedisClock
from tests.redis_server import redis_cluster, redis_server, valkey
from tests.service.servers import CHECKOUT
from unbroken import testing
from unbroken.coordination import redis_windows
from unbroken.coordination.rate import window
from unbroken.coordination.redis_windows import RedisWindows
from unbroken.redis_client import client_at

ANSWER_S = 60  # whatever else runs on this machine
PROCESSES = 3
RIGHTS = "~unbroken:* +evalsha +eval +time +lindex +lrange +rpush +ltrim +pexpire +del"


@pytest.fixture(scope="session")
def cluster(redis_program, tmp_path_factory):
    with redis_cluster(tmp_path_factory.mktemp("cluster"), redis_program) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def a_valkey(tmp_path_factory):
    if (program := valkey()) is None:
        pytest.skip("no valkey-server: name one in UNBROKEN_VALKEY_SERVER")
    with redis_server(tmp_path_factory.mktemp("valkey"), program) as server:
        yield server


@pytest.fixture
def url(redis):
    return redis.url


@pytest.fixture
def clock(redis):
    with redis.client() as client:
        yield RedisClock(client)


@pytest.fixture
async def windows(url):
    found = RedisWindows(client_at(url, answer_s=ANSWER_S), "tests")
    yield found
    await found.aclose()


class TestRedisWindows(testing.WindowsContract):
    pass


class TestValkeyWindows(testing.WindowsContract):
    @pytest.fixture
    def url(self, a_valkey):
        return a_valkey.url

    @pytest.fixture
    def clock(self, a_valkey):
        with a_valkey.client() as client:
            client.flushall()
            yield RedisClock(client)


class TestClusterWindows(testing.WindowsContract):
    @pytest.fixture
    def url(self, cluster):
        return cluster[0].url.replace("redis:", "redis-cluster:")

    @pytest.fixture
    def clock(self, cluster):
        client = driver.RedisCluster("127.0.0.1", cluster[0].port, decode_responses=True)
        client.flushall(target_nodes=driver.RedisCluster.PRIMARIES)
        yield RedisClock(client)
        client.close()

    async def test_its_windows_are_on_all_nodes(self, windows, cluster, clock):
        for n in range(60):
            assert await windows.admit(window(f"sms {n}", "{ann}", limit=1, per_s=9)) is None
            assert await windows.admit(window(f"sms {n}", "{ann}", limit=1, per_s=9)) is not None
        for node in cluster:
            with node.client() as client:
                assert client.dbsize() > 0


async def test_a_window_is_as_large_as_its_limit_and_ends(windows, clock):
    asked = window("sms", "ann", limit=5, per_s=10)
    for _ in range(40):
        await windows.admit(asked)
        clock.advance(1)
    (key,) = clock.keys()
    assert clock.client.llen(key) == 5
    assert 0 < clock.client.pttl(key) <= 11_000
    clock.advance(12)
    assert clock.keys() == []


@pytest.mark.parametrize("step_s", [-3_600, -0.001])
async def test_a_clock_that_was_set_back_closes_no_window(windows, clock, step_s):
    asked = window("sms", "ann", limit=2, per_s=10)
    assert [await windows.admit(asked) is None for _ in range(3)] == [True, True, False]
    clock.step(step_s)
    refused = await windows.admit(asked)
    assert 9 < refused.retry_s <= 10
    clock.advance(10.1)
    assert [await windows.admit(asked) is None for _ in range(3)] == [True, True, False]


async def test_another_stores_windows_are_others(windows, url):
    other = RedisWindows(client_at(url, answer_s=ANSWER_S), "other")
    asked = window("sms", "ann", limit=1, per_s=60)
    for one in (windows, other):
        assert await one.admit(asked) is None
        assert await one.admit(asked) is not None
    await other.aclose()


async def test_a_restarted_server_is_told_the_script_again(windows, redis):
    asked = window("sms", "ann", limit=1, per_s=60)
    assert await windows.admit(asked) is None
    with redis.client() as client:
        client.script_flush()
    assert await windows.admit(asked) is not None


async def test_a_user_needs_few_rights(redis):
    with redis.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "counter", "reset", "on", ">p:/@w", *RIGHTS.split()
        )
    url = redis.url.replace("redis://", "redis://counter:p%3A%2F%40w@")
    counted = RedisWindows(client_at(url, answer_s=ANSWER_S), "tests")
    asked = window("sms", "ann", limit=1, per_s=60)
    assert await counted.admit(asked) is None
    assert await counted.admit(asked) is not None
    await counted.aclose()


def test_of_many_processes_as_many_are_admitted_as_may_be(redis):
    admitted, refused = asked_by_many(redis.url, limit=50, per_s=3_600, seconds=3_600, times=5)
    assert len(admitted) == 50
    assert refused == PROCESSES * 20 * 5 - 50


def test_in_no_stretch_of_many_processes_there_are_more(redis):
    admitted, refused = asked_by_many(redis.url, limit=20, per_s=0.3, seconds=2, times=1_000_000)
    assert over_windows(admitted, limit=20, per_s=0.3) == []
    assert len(admitted) > 20  # more than one stretch was seen
    assert refused > 0


async def test_a_script_that_admits_one_too_many_is_found(monkeypatch, windows):
    wrong = redis_windows.SCRIPT.replace("'LINDEX', key, -limit", "'LINDEX', key, -limit - 1")
    assert wrong != redis_windows.SCRIPT
    monkeypatch.setattr(redis_windows, "SCRIPT", wrong)
    monkeypatch.setattr(redis_windows, "SCRIPT_SHA", "0" * 40)
    loop, asked, admitted = asyncio.get_running_loop(), window("a", "b", limit=3, per_s=60), []
    for _ in range(9):
        began = loop.time()
        if await windows.admit(asked) is None:
            admitted.append(Admitted(began, loop.time()))
    assert over_windows(admitted, limit=3, per_s=60)


def asked_by_many(url, **given):
    """What all admitted, and how many were refused."""
    with starting(url, **given) as processes:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        done = [json.loads(process.stdout.readline()) for process in processes]
    admitted = [Admitted(*one) for found, _ in done for one in found]
    return admitted, sum(refused for _, refused in done)


@contextmanager
def starting(url, **given):
    asked = SimpleNamespace(**given)
    words = [str(word) for word in (asked.limit, asked.per_s, asked.seconds, asked.times)]
    command = [sys.executable, "-m", "tests.coordination.admitting", url, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    processes = [subprocess.Popen(command, **pipes) for _ in range(PROCESSES)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()
