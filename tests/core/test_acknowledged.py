"""What is acknowledged stands in the store, at every moment and whatever is answered."""

from pathlib import Path

import msgspec

from tests.core.conftest import new_header
from tests.core.faults import FaultyHost
from tests.core.test_keeper import Doubtful, log_of, until
from unbroken.archive.port import HostAnswer, HostBatch
from unbroken.journal.spool import Spool
from unbroken.keeper import Keeper
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.entries import Noted


async def test_no_acknowledgement_is_ahead_of_the_store(spool, store, env):
    fates = [("well", "before", "well", "after")[k % 4] for k in range(40)]
    live = Live.open(spool, new_header(env, spool))
    keeper = Keeper(spool, Doubtful(store.archive, fates))
    for number in range(60):
        live.record(Noted("n", number))
        env.ahead_us += 3_000_000  # behind every pause
        await keeper.step()
        acked = live.ack.acked
        if acked:
            assert acked <= len(await log_of(store, live.session_id))
    await until(keeper, lambda: live.ack.acked == 60)
    assert len(await log_of(store, live.session_id)) == 60
    await live.close("left")


class Swapping:
    """An archive that gives each of two sessions the other one's answer."""

    def __init__(self, inner):
        self._inner = inner
        self.swaps = False
        self.swapped = 0

    async def take(self, request):
        return await self._inner.take(request)

    async def append(self, batch: HostBatch) -> HostAnswer:
        answer = await self._inner.append(batch)
        if not self.swaps or len(answer.batches) != 2:
            return answer
        self.swapped += 1
        return msgspec.structs.replace(answer, batches=answer.batches[::-1])


async def test_the_answer_about_one_session_says_nothing_of_another(spool, store, env):
    lives = [Live.open(spool, new_header(env, spool, room=k, sid=f"RM_{k}")) for k in "ab"]
    for _ in range(9):
        lives[0].record(Noted("one of many"))
    lives[1].record(Noted("the only one"))
    swapping = Swapping(store.archive)
    keeper = Keeper(spool, swapping)
    await until(keeper, lambda: [live.ack.acked for live in lives] == [9, 1])
    swapping.swaps = True
    for live in lives:
        live.record(Noted("one more"))
    await until(keeper, lambda: swapping.swapped > 0)
    many, one = (live.ack.acked for live in lives)
    assert many in (9, 10)
    assert one in (1, 2)
    assert not any(live.is_fenced for live in lives)
    swapping.swaps = False
    await until(keeper, lambda: [live.ack.acked for live in lives] == [10, 2])
    for live in lives:
        await live.close("left")


async def test_what_stands_in_two_files_is_stored_once(store, tmp_path):
    host = FaultyHost()
    spool = Spool.open(host, str(tmp_path / "faulty"))
    live = Live.open(spool, new_header(host, spool))
    for number in range(4):
        live.record(Noted("n", number))
    host.syncs_to_fail = 2  # of the first file, and of the next one: its number is passed
    assert await live.durable("disk", timeout_s=20)
    for number in range(4, 8):
        live.record(Noted("n", number))
    assert await live.durable("disk", timeout_s=20)
    assert Path(spool.journal(live.journal.header.holder, 2)).exists()
    await until(Keeper(spool, store.archive), lambda: live.ack.acked == 8)
    log = await log_of(store, live.session_id)
    assert [entries.decode(e.kind, e.payload).data for e in log] == list(range(8))
    await live.close("left")
