import pytest

from tests.redis_server import RedisServer


@pytest.fixture
def server(redis: RedisServer) -> RedisServer:
    return redis
