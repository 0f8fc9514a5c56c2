"""The keeper ships what a holder wrote: all of it, once, in order, whoever dies meanwhile."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import ClassVar
from uuid import UUID

import httpx
import pytest

from tests.core.conftest import new_header
from unbroken.archive.port import HostAnswer, HostBatch, Taken, TakeRequest
from unbroken.archive.taking import bound, request_of
from unbroken.errors import ArchiveUnavailable, TooLarge
from unbroken.journal import Journal
from unbroken.keeper import Keeper
from unbroken.live.live import Live
from unbroken.log import entries
from unbroken.log.cause import REFUSED
from unbroken.log.entries import Noted
from unbroken.log.session import fold

HANG_S = 60


class Doubtful:
    """An archive whose answers get lost: before the work, or after it."""

    def __init__(self, inner, plan):
        self._inner = inner
        self._plan = iter(plan)

    async def take(self, request: TakeRequest) -> Taken:
        return await self._call(lambda: self._inner.take(request))

    async def append(self, batch: HostBatch) -> HostAnswer:
        return await self._call(lambda: self._inner.append(batch))

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        await self._call(lambda: self._inner.put_blob(sha256, content))

    async def _call(self, work: Callable[[], Awaitable]):
        fate = next(self._plan, "well")
        if fate == "before":
            raise ArchiveUnavailable("lost on the way")
        answer = await work()
        if fate == "after":
            raise ArchiveUnavailable("lost on the way back")
        return answer


async def until(keeper: Keeper, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await keeper.step()
            await asyncio.sleep(0.005)


async def log_of(store, session_id: UUID):
    return await store.archive.entries(session_id)


async def test_a_provisional_start_becomes_a_session(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("hello", "world"))
    assert live.session_id is None
    await until(Keeper(spool, store.archive), lambda: live.ack.acked == 1)
    assert live.session_id is not None
    assert live.term == 1
    (entry,) = await log_of(store, live.session_id)
    assert (entry.seq, entry.kind) == (1, "note")
    await live.close("left")


async def phase(store, session_id: UUID) -> tuple[str, str | None]:
    session = await store.conversations.get_session(session_id)
    return session.phase, session.cause


async def test_a_holder_that_takes_its_session_itself_is_left_alone(spool, store, env):
    header = new_header(env, spool)
    journal = Journal.create(spool, header)
    keeper = Keeper(spool, store.archive)
    for _ in range(5):
        await keeper.step()
    taken = await store.archive.take(request_of(header))
    assert taken.is_new  # the keeper has not asked for it
    journal.bind(bound(header, taken))
    live = Live(spool, journal)
    live.record(Noted("hello"))
    assert live.session_id == taken.session_id
    await until(keeper, lambda: live.ack.acked == 1)
    assert (live.term, live.ack.session_id) == (taken.term, None)
    await live.close("left")


@pytest.mark.parametrize("has_taken", [True, False])
async def test_who_dies_while_taking_its_session_leaves_an_orphan(spool, store, env, has_taken):
    """Else the session would be held by nobody, for ever: its host is well."""
    header = new_header(env, spool)
    Journal.create(spool, header)
    if has_taken:
        taken = await store.archive.take(request_of(header))
        assert await phase(store, taken.session_id) == ("live", None)
    env.unlock(spool.lock(header.holder))  # SIGKILL
    keeper = Keeper(spool, store.archive)
    await keeper.step()
    await until(keeper, lambda: keeper._tails[header.holder].is_over)
    session_id = taken.session_id if has_taken else header.new_session_id
    assert await phase(store, session_id) == ("orphaned", "crashed")


async def test_who_was_refused_leaves_nothing_behind(spool, store, env):
    winner = new_header(env, spool)
    journal = Journal.create(spool, winner)
    await store.archive.take(request_of(winner))
    for cause in (REFUSED, None):
        loser = new_header(env, spool)
        other = Journal.create(spool, loser)
        other.close(cause) if cause else env.unlock(spool.lock(loser.holder))
        keeper = Keeper(spool, store.archive)
        await keeper.step()
        assert keeper._tails[loser.holder].is_over
    journal.close("left")


async def test_durable_tells_the_truth(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("a"))
    assert await live.durable("process")
    assert await live.durable("disk", timeout_s=HANG_S)
    assert not await live.durable("service", timeout_s=0.05)
    assert live.lag.service.entries == 1
    assert live.lag.disk.entries == 0
    keeping = asyncio.create_task(Keeper(spool, store.archive).run())
    assert await live.durable("service", timeout_s=HANG_S)
    assert live.lag.service.entries == 0
    keeping.cancel()
    await live.close("left")


@pytest.mark.parametrize("seed", range(5))
async def test_lost_answers_lose_and_double_nothing(spool, store, env, seed):
    fates = [("before", "after", "well")[(seed + k * 7) % 3] for k in range(60)]
    live = Live.open(spool, new_header(env, spool))
    keeper = Keeper(spool, Doubtful(store.archive, fates))
    for number in range(40):
        live.record(Noted("n", number))
        await keeper.step()
    await until(keeper, lambda: live.ack.acked == 40)
    log = await log_of(store, live.session_id)
    assert [entries.decode(e.kind, e.payload).data for e in log] == list(range(40))
    await live.close("left")


async def test_a_new_keeper_goes_on_where_the_store_is(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    first = Keeper(spool, store.archive)
    for number in range(10):
        live.record(Noted("n", number))
    await until(first, lambda: live.ack.acked == 10)
    for number in range(10, 20):
        live.record(Noted("n", number))
    second = Keeper(spool, store.archive)
    await until(second, lambda: live.ack.acked == 20)
    assert len(await log_of(store, live.session_id)) == 20
    await live.close("left")


async def test_two_sessions_do_not_block_each_other(spool, store, env):
    lives = [Live.open(spool, new_header(env, spool, room=f"r{k}", sid=f"RM_{k}")) for k in "ab"]
    keeper = Keeper(spool, store.archive)
    for number in range(1_200):  # more than fits into two batches
        for live in lives:
            live.record(Noted("n", number))
    await until(keeper, lambda: all(live.ack.acked == 1_200 for live in lives))
    for live in lives:
        assert [e.seq for e in await log_of(store, live.session_id)] == list(range(1, 1_201))
        await live.close("left")


async def test_an_entry_that_is_refused_is_named_lost_and_blocks_nothing(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("before"))
    live.record(Noted("big", ["many short parts"] * 20_000))
    live.record(Noted("after"))
    await until(Keeper(spool, store.archive), lambda: live.ack.acked == 3)
    kinds = [e.kind for e in await log_of(store, live.session_id)]
    assert kinds == ["note", "lost", "note"]
    await live.close("left")


async def test_an_archive_that_takes_less_gets_less(spool, store, env):
    class Narrow(Doubtful):
        sizes: ClassVar[list[int]] = []

        async def append(self, batch: HostBatch) -> HostAnswer:
            self.sizes.append(sum(len(e.payload) for b in batch.batches for e in b.entries))
            if self.sizes[-1] > 50_000:
                raise TooLarge("413")
            return await super().append(batch)

    lives = [Live.open(spool, new_header(env, spool, room=f"r{k}", sid=f"RM_{k}")) for k in "abc"]
    for live in lives:
        for _ in range(300):
            live.record(Noted("n", "x" * 500))
    keeper = Keeper(spool, narrow := Narrow(store.archive, []))
    await until(keeper, lambda: all(live.ack.acked == 300 for live in lives))
    assert max(narrow.sizes) > 50_000
    for live in lives:
        await live.close("left")


async def test_a_backlog_of_many_calls_is_caught_up_over_http(spool, env, tmp_path):
    """The largest request that a keeper makes is one that the service takes."""
    from unbroken.archive.http import RemoteArchive  # noqa: PLC0415
    from unbroken.service.app import create_app  # noqa: PLC0415
    from unbroken.service.settings import Settings  # noqa: PLC0415

    lives = [
        Live.open(spool, new_header(env, spool, room=f"r{k}", sid=f"RM_{k}")) for k in range(12)
    ]
    for live in lives:
        for number in range(600):
            live.record(Noted("n", f"{number} " + "words that were said " * 60))
    app = create_app(Settings(data=tmp_path / "data"))
    async with app.router.lifespan_context(app):
        remote = RemoteArchive("http://localhost")
        remote._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://localhost/api/v1",
            headers={"content-type": "application/msgpack"},
        )
        keeper = Keeper(spool, remote)
        await until(keeper, lambda: all(live.ack.acked == 600 for live in lives))
        await remote.aclose()
    for live in lives:
        await live.close("left")


async def test_the_end_of_a_holder_orphans_its_session(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("a"))
    keeper = Keeper(spool, store.archive)
    await until(keeper, lambda: live.ack.acked == 1)
    await live.close("empty")
    row = None
    async with asyncio.timeout(HANG_S):
        while row is None or row.phase != "orphaned":
            await keeper.step()
            row = await store.conversations.get_session(live.session_id)
    assert row.cause == "empty"


async def test_the_tail_of_a_killed_process_arrives(spool, store, env):
    command = [sys.executable, "-m", "tests.core.writer", spool.folder]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    holder = UUID((await process.stdout.readline()).decode().strip())
    said = 0
    while said < 500:
        said = int(await process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = (await process.stdout.read()).split()
    said = int(rest[-1]) if rest else said
    await process.wait()
    ack = spool.ack(holder)
    keeper = Keeper(spool, store.archive)
    await until(keeper, lambda: ack.acked >= said)
    log = await log_of(store, ack.session_id)
    assert [e.seq for e in log] == list(range(1, len(log) + 1))
    notes = fold((e.kind, e.payload) for e in log).notes
    assert notes["count"] >= said - 1
    ack.close()
