"""A holder that stopped is killed before anybody may take its session."""

import asyncio
import os
import signal
import sys
from uuid import UUID

import pytest

from tests.core.test_keeper import HANG_S, until
from unbroken.keeper import Keeper
from unbroken.keeper.freeze import BUSY_US, FREEZE_US, GAP_US, Pulse


def test_only_what_was_watched_counts():
    pulse = Pulse()
    step = GAP_US // 2
    assert pulse.still_us(1, 0) == 0
    assert [pulse.still_us(1, n * step) for n in (1, 2, 3)] == [step, 2 * step, 3 * step]
    assert pulse.still_us(2, 4 * step) == 0  # it beats
    assert pulse.still_us(2, 5 * step) == step
    assert pulse.still_us(2, 5 * step + 10 * GAP_US) == 0  # we were asleep ourselves
    assert FREEZE_US < BUSY_US


@pytest.mark.parametrize("stopped", [True, False])
async def test_a_stopped_process_is_killed_and_a_beating_one_is_not(spool, store, stopped):
    command = [sys.executable, "-m", "tests.core.writer", spool.folder, "--beat"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    holder = UUID((await process.stdout.readline()).decode().strip())
    ack = spool.ack(holder)
    keeper = Keeper(spool, store.archive)
    await until(keeper, lambda: ack.is_ready and ack.acked > 0)
    if stopped:
        os.kill(process.pid, signal.SIGSTOP)
        await until(keeper, lambda: process.returncode is not None)
        assert process.returncode == -signal.SIGKILL
        async with asyncio.timeout(HANG_S):
            while True:
                await keeper.step()
                row = await store.conversations.get_session(ack.session_id)
                if row.phase == "orphaned":
                    break
        assert row.cause == "frozen"
    else:
        for _ in range(400):  # longer than FREEZE_US
            await keeper.step()
            await asyncio.sleep(0.01)
        assert process.returncode is None
        process.kill()
        await process.wait()
    ack.close()
