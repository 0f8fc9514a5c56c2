"""The house for the tests that talk: real parts, a scripted model, a person with a voice."""

import os
from collections.abc import Iterator

import pytest

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from tests.e2e.house import House, standing_house
from tests.postgres import Postgres, empty, standing
from tests.redis_server import RedisServer, binary, redis_server
from tests.s3 import S3
from tests.s3 import standing as s3_standing
from unbroken.env import Host
from unbroken.live.live import by_room
from unbroken.store.postgres import migrating
from unbroken.store.postgres.connecting import Connecting

RULES = [
    ["story", "Once there was a lighthouse. " + "The light went round and round all night. " * 6],
    ["note", {"tool": "keep_note", "arguments": {"note": "{heard}"}}],
    ["book|table", {"tool": "book_table", "arguments": {"request": "{heard}"}}],
    ["yes, please", {"tool": "confirm_booking"}],
    ["", "I heard {heard}"],
]


@pytest.fixture(autouse=True)
def _forget_rooms() -> Iterator[None]:
    """What a test that failed has left open is not another one's."""
    yield
    by_room._rooms.clear()


@pytest.fixture(scope="session")
def voice() -> HibariTTS:
    return HibariTTS()


@pytest.fixture(scope="session")
def ears() -> MoonshineSTT:
    return MoonshineSTT()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests: each has a room of its own, and leaves all parts running."""
    folder = tmp_path_factory.mktemp("house")
    with standing_house(folder, "tests.agents.scripted_worker", RULES, UNBROKEN_DEMO="1") as house:
        yield house


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests; each takes a `database` of its own, and leaves the server running."""
    try:
        with standing() as server:
            yield server
    except OSError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no PostgreSQL: {error}")


@pytest.fixture(scope="session")
def redis_program() -> str:
    if (found := binary()) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Redis: the group `test` has one")
    return found


@pytest.fixture(scope="session")
def _redis(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(_redis: RedisServer) -> RedisServer:
    """One server for all tests, empty; each leaves it running."""
    with _redis.client() as client:
        client.flushall()
    return _redis


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server for all tests; each makes a bucket of its own, and leaves the server running."""
    try:
        with s3_standing() as server:
            yield server
    except OSError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no S3: {error}")


@pytest.fixture(scope="session")
def ready(postgres: Postgres) -> str:
    """The URL of a database with our tables in it."""
    url = postgres.make_database("ready")
    migrating.migrate(Connecting(url, Host()))
    return url


@pytest.fixture
def database(ready: str) -> str:
    """It, with nothing in them: far faster than one for each test."""
    empty(ready)
    return ready
