from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.service.servers import service_process


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Iterator[str]:
    """One without a LiveKit, for all tests; its address."""
    with service_process(tmp_path_factory.mktemp("service"), "ws://127.0.0.1:9") as (_, url):
        yield url


@pytest.fixture
def own_service(tmp_path) -> Iterator[str]:
    """One with nothing in it."""
    with service_process(tmp_path, "ws://127.0.0.1:9") as (_, url):
        yield url


@pytest.fixture
def an_id() -> str:
    """Of a conversation that no other test has."""
    return str(uuid4())
