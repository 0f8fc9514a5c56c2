"""Shared state in memory, and on a service in a process of its own."""

import pytest

from tests.service.conftest import NOBODY
from tests.service.servers import service
from unbroken.coordination.memory import MemoryShared
from unbroken.coordination.memory_leases import MemoryLeases
from unbroken.coordination.remote_leases import RemoteLeases
from unbroken.coordination.remote_shared import RemoteShared
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.env import Host


@pytest.fixture(scope="session")
def url(tmp_path_factory):
    with service(tmp_path_factory.mktemp("shared"), NOBODY) as url:
        yield url


@pytest.fixture
def in_memory():
    return MemoryLeases()


@pytest.fixture(params=["memory", "service"])
async def wire(request, in_memory):
    if request.param == "memory":
        yield WatchedState(MemoryShared(leases=in_memory))
        return
    remote = RemoteShared(request.getfixturevalue("url"), Host())
    yield remote
    await remote.aclose()


@pytest.fixture
async def leases(request, wire, in_memory):
    """Those whose fences the state knows."""
    if isinstance(wire, WatchedState):
        yield WaitedLeases(in_memory)
        return
    remote = RemoteLeases(request.getfixturevalue("url"), Host())
    yield remote
    await remote.aclose()
