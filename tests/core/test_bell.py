"""Bells: who waits is woken at once, and without a bell a little later."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from tests.core.files import open_files
from unbroken.env import Host
from unbroken.journal.bell import Waking

LONG_S = 60.0


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "a.bell")


async def test_all_who_wait_are_woken_by_a_ring(path):
    waking = Waking()
    waking.listen(Host(), path)
    waiting = [asyncio.create_task(waking.wait(0, LONG_S)) for _ in range(3)]
    await asyncio.sleep(0)
    Host().ring(path)
    async with asyncio.timeout(20):
        assert await asyncio.gather(*waiting) == [True] * 3
    waking.close()


async def test_a_ring_before_the_wait_is_not_missed(path):
    waking = Waking()
    waking.listen(Host(), path)
    seen = waking.count
    Host().ring(path)
    async with asyncio.timeout(20):
        while waking.count == seen:
            await asyncio.sleep(0)
        assert await waking.wait(seen, LONG_S)
    waking.close()


async def test_nobody_rings_and_the_wait_ends():
    assert not await Waking().wait(0, 0.001)


async def test_a_bell_that_rings_for_ever_is_hushed_and_heard_once_a_round(path):
    waking = Waking()
    waking.listen(Host(), path)
    for _ in range(70_000):  # more than a FIFO holds: further rings are let go
        Host().ring(path)
    async with asyncio.timeout(20):
        while not waking.count:
            await asyncio.sleep(0)
    assert waking.count < 10
    waking.close()


def test_who_rings_where_nobody_listens_goes_on(path):
    Host().ring(path)
    assert not Path(path).exists()
    os.mkfifo(path)
    Host().ring(path)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda p: p.symlink_to("/dev/null")])
async def test_what_is_no_bell_is_neither_rung_nor_listened_to(path, make):
    make(Path(path))
    size = Path(path).stat().st_size
    Host().ring(path)
    waking = Waking()
    waking.listen(Host(), path)
    assert not await waking.wait(0, 0.001)
    assert Path(path).stat().st_size == size
    waking.close()


async def test_a_bell_is_its_owners_alone(path):
    waking = Waking()
    waking.listen(Host(), path)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    waking.close()


async def test_a_closed_bell_holds_no_descriptor(path):
    waking, before = Waking(), open_files(str(Path(path).parent))
    waking.listen(Host(), path)
    waking.listen(Host(), path)
    assert len(open_files(str(Path(path).parent))) == len(before) + 1
    waking.close()
    waking.close()
    assert open_files(str(Path(path).parent)) == before


async def test_who_is_closed_listens_no_more(path):
    waking = Waking()
    waking.close()
    waking.listen(Host(), path)
    assert not Path(path).exists()
