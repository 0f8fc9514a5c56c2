"""One transcript, whatever the clocks of the hosts say: real journals and keepers."""

import asyncio

import msgspec
import pytest

from tests.core.conftest import new_header
from unbroken.journal.spool import Spool
from unbroken.keeper import Keeper
from unbroken.live.live import Live
from unbroken.testing.holders import Clock

HANG_S = 60
HOUR_US = 3_600_000_000


class Skewed(Clock):
    """`clock`, as a host has it whose wall clock is wrong by `off_us`."""

    def __init__(self, clock: Clock, off_us: int) -> None:
        super().__init__()
        self._clock = clock
        self._off_us = off_us

    def now_us(self) -> int:
        return self._clock.now_us() + self._off_us

    def boot_us(self) -> int:
        return self._clock.boot_us()


@pytest.fixture
def env() -> Clock:
    return Clock()


async def shipped(keeper: Keeper, live: Live) -> None:
    async with asyncio.timeout(HANG_S):
        while live.ack.acked < live.journal.appended:
            await keeper.step()
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("off_us", [-HOUR_US, -5_000_000, 5_000_000, HOUR_US])
@pytest.mark.parametrize("at_once", [True, False])
async def test_hosts_whose_clocks_differ_make_one_transcript(store, env, tmp_path, off_us, at_once):
    lives, keepers, said = [], [], []
    for n, host in enumerate((env, Skewed(env, off_us))):
        spool = Spool.open(host, str(tmp_path / f"spool {n}"))
        header = msgspec.structs.replace(new_header(host, spool), role=f"role {n}")
        lives.append(Live.open(spool, header))
        keepers.append(Keeper(spool, store.archive))
    for n in range(8):
        lives[n % 2].say("test", "user", f"line {n}", extra={})
        said.append(f"line {n}")
        if at_once:
            await shipped(keepers[n % 2], lives[n % 2])
        env.advance(1)
    for live, keeper in zip(lives, keepers, strict=True):
        await shipped(keeper, live)
    row = await store._database.read(
        lambda tx: tx.one("get_call_of_session", session_id=lives[0].session_id)
    )
    found = await store.conversations.list_messages(row["conversation_id"], limit=100)
    assert [message.content for message in found] == said
    for live in lives:
        await live.close("left")
