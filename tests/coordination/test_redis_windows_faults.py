"""Redis is slow, wiped, killed, stopped and another one: windows go on, within the stated bound.

In a stretch there are at most `limit` that Redis admitted, as many again for each time that it
forgot what it had, and as many that the store admitted. All windows here are of an hour: whatever
a test admits is in one stretch.
"""

import asyncio
import logging
import random
import signal
from contextlib import contextmanager

import pytest

from tests.redis_server import RedisServer, redis_server
from unbroken.coordination import redis_windows
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.rate import window
from unbroken.coordination.redis_windows import FailingOver
from unbroken.env import Host
from unbroken.errors import SettingsInvalid

LIMIT = 5
HOUR = window("sms", "ann", limit=LIMIT, per_s=3_600)
SOON_S = 60  # whatever else runs on this machine
STORIES, STEPS = 40, 6
AWAY, BACK = "Redis is away", "Redis is back"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """It is asked again soon, and nobody is taken for away who only has not much of the machine."""
    monkeypatch.setattr(redis_windows, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(redis_windows, "MOST_PAUSE_S", 0.1)
    monkeypatch.setattr(redis_windows, "ANSWER_S", SOON_S)
    monkeypatch.setattr(redis_windows, "STEP_S", SOON_S)


@pytest.fixture
def impatient(monkeypatch):
    """Within it, nobody waits for long."""

    @contextmanager
    def within():
        with monkeypatch.context() as set_:
            set_.setattr(redis_windows, "ANSWER_S", 0.1)
            yield

    return within


@pytest.fixture
def own(tmp_path, redis_program):
    """A server that a test may end."""
    with redis_server(tmp_path, redis_program) as server:
        yield server


class Counted(MemoryLeases):
    """The store; `admitted`: what it has admitted."""

    def __init__(self):
        super().__init__()
        self.admitted = 0

    async def admit(self, window):
        refused = await super().admit(window)
        self.admitted += refused is None
        return refused


class Service:
    def __init__(self, url, caplog):
        self.store, self._caplog = Counted(), caplog
        self.windows = FailingOver.at(url, "tests", self.store, Host())

    async def ask(self, times=3 * LIMIT):
        """How many are admitted of so many at once."""
        asked = (self.windows.admit(HOUR) for _ in range(times))
        return sum(refused is None for refused in await asyncio.gather(*asked))

    async def until_said(self, said, times=1):
        """Asks over and over meanwhile. Returns how many were admitted."""
        admitted = 0
        async with asyncio.timeout(SOON_S):
            while sum(said in record.getMessage() for record in self._caplog.records) < times:
                admitted += await self.ask(1)
                await asyncio.sleep(0.01)
        return admitted


@pytest.fixture
async def service(redis, caplog):
    found = Service(redis.url, caplog)
    yield found
    await found.windows.aclose()


@pytest.fixture
async def on_own(own, caplog):
    found = Service(own.url, caplog)
    yield found
    await found.windows.aclose()


async def test_while_it_answers_the_store_is_not_asked(service, caplog):
    assert await service.ask() == LIMIT
    assert service.store.admitted == 0
    assert caplog.records == []


async def test_one_that_was_wiped_admits_one_more_limit(service, redis):
    assert await service.ask() == LIMIT
    with redis.client() as client:
        client.flushall()
    assert await service.ask() == LIMIT
    assert await service.ask() == 0
    assert service.store.admitted == 0


async def test_one_that_was_killed_is_told_of_once_and_costs_one_more_limit(on_own, own, caplog):
    assert await on_own.ask() == LIMIT
    own.kill()
    assert await on_own.ask() == LIMIT
    assert await on_own.ask() == 0
    assert on_own.store.admitted == LIMIT
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert AWAY in caplog.text
    own.start()  # with nothing in it
    assert await on_own.until_said(BACK) + await on_own.ask() == LIMIT
    assert len(caplog.records) == 2


async def test_one_that_is_not_there_at_first_is_used_when_it_comes(on_own, own):
    own.kill()
    assert await on_own.ask() == LIMIT
    own.start()
    assert await on_own.until_said(BACK) + await on_own.ask() == LIMIT
    assert on_own.store.admitted == LIMIT


async def test_one_that_stands_still_holds_nobody_and_has_forgotten_nothing(impatient, on_own, own):
    admitted = await on_own.ask()
    own.signal(signal.SIGSTOP)
    try:
        with impatient():
            async with asyncio.timeout(SOON_S):  # it answers nobody
                admitted += await on_own.until_said(AWAY) + await on_own.ask()
    finally:
        own.signal(signal.SIGCONT)
    admitted += await on_own.until_said(BACK) + await on_own.ask()
    assert admitted == 2 * LIMIT


async def test_one_that_is_slow_is_left_alone_for_a_while(impatient, on_own, own):
    admitted = await on_own.ask()
    with own.client() as client:
        client.execute_command("CLIENT", "PAUSE", 3_600_000, "WRITE")
        with impatient():
            admitted += await on_own.until_said(AWAY) + await on_own.ask()
        client.execute_command("CLIENT", "UNPAUSE")
    admitted += await on_own.until_said(BACK) + await on_own.ask()
    assert admitted == 2 * LIMIT


async def test_while_it_is_away_one_at_a_time_asks(impatient, on_own, own, monkeypatch):
    asked = []
    admit = on_own.windows._redis.admit

    async def noted(window):
        asked.append(window)
        return await admit(window)

    monkeypatch.setattr(on_own.windows._redis, "admit", noted)
    own.signal(signal.SIGSTOP)
    with impatient():
        await on_own.until_said(AWAY)
    while not on_own.windows._pause.is_over(Host().boot_us()):
        await asyncio.sleep(0.01)
    asked.clear()
    asking = [asyncio.create_task(on_own.ask(1)) for _ in range(100)]
    async with asyncio.timeout(SOON_S):
        while sum(task.done() for task in asking) < 99:
            await asyncio.sleep(0.01)
    assert len(asked) == 1
    own.signal(signal.SIGCONT)
    await asyncio.wait(asking)


async def test_a_full_one_is_as_one_that_is_away(service, redis, caplog):
    with redis.client() as client:
        client.config_set("maxmemory", "1")
        try:
            assert await service.ask() == LIMIT
        finally:
            client.config_set("maxmemory", "0")
    assert service.store.admitted == LIMIT
    assert AWAY in caplog.text


async def test_whatever_happens_in_whatever_order_stays_within_the_bound(redis, caplog):
    hit = dict.fromkeys(("wipe", "forget script", "break connections", "pause", "full"), 0)
    for seed in range(STORIES):
        dice, forgot = random.Random(seed), 0
        service, admitted = Service(redis.url, caplog), 0
        with redis.client() as client:
            client.flushall()
            for _ in range(STEPS):
                admitted += await service.ask(dice.randint(1, 2 * LIMIT))
                fault = dice.choice(list(hit))
                hit[fault] += 1
                forgot += fault == "wipe"
                harm(client, fault)
            client.config_set("maxmemory", 0)
        admitted += await service.ask()
        from_store = LIMIT if service.store.admitted else 0
        assert admitted <= LIMIT * (1 + forgot) + from_store, seed
        await service.windows.aclose()
    assert all(hit.values())
    assert AWAY in caplog.text


def harm(client, fault):
    client.config_set("maxmemory", int(fault == "full"))
    match fault:
        case "wipe":
            client.flushall()
        case "forget script":
            client.script_flush()
        case "break connections":
            client.client_kill_filter(_type="normal", skipme=True)
        case "pause":
            client.execute_command("CLIENT", "PAUSE", 30, "WRITE")


async def test_a_failover_by_sentinels_is_followed(tmp_path, redis_program, caplog):
    master, replica, sentinel = sentinels(tmp_path, redis_program)
    with master.running(), replica.running(), sentinel.running():
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/mine/0"
        service = Service(url, caplog)
        until = asyncio.get_running_loop().time() + SOON_S
        with master.client() as client:
            while not is_followed(client, sentinel):
                assert asyncio.get_running_loop().time() < until
                await asyncio.sleep(0.05)
            assert await service.ask() == LIMIT
            client.wait(1, SOON_S * 1_000)
        master.kill()
        assert await service.until_said(AWAY) + await service.ask() == LIMIT
        assert await service.until_said(BACK) + await service.ask() == 0  # the replica has all
        await service.windows.aclose()
        master.start()


def sentinels(folder, program):
    """A master, its replica, and who puts that in its place."""
    master = RedisServer(folder, program)
    replica = RedisServer(folder, program, ("--replicaof", "127.0.0.1", str(master.port)))
    file = folder / "sentinel.conf"
    file.write_text(
        f"sentinel monitor mine 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds mine 1000\n"
        "sentinel failover-timeout mine 5000\n"
    )
    return master, replica, RedisServer(folder, program, (str(file), "--sentinel"))


def is_followed(client, sentinel):
    with sentinel.client() as asked:
        known = asked.sentinel_master("mine")["num-slaves"]
    return known == 1 and client.info("replication")["connected_slaves"] == 1


@pytest.mark.parametrize(
    "url",
    ["redis+sentinel://h", "redis+sentinel://h:x/mine", "http+sentinel://:secret@h/mine", "x://"],
)
def test_a_bad_url_is_said_without_its_password(url):
    with pytest.raises(SettingsInvalid) as raised:
        FailingOver.at(url, "tests", Counted(), Host())
    assert "secret" not in str(raised.value)
