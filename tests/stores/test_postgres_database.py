"""What only PostgreSQL does: several services on one database, and a server that dies."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest

from tests.postgres import standing
from unbroken.archive.port import HostBatch
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable, CallTaken
from unbroken.store.postgres import PostgresStore, migrating
from unbroken.testing.holders import TTL_MS, Clock, Heard, Holder, entry

ENTRIES, DEATHS, HANG_S = 60, 3, 60


@asynccontextmanager
async def opened(tmp_path, url, clock=None):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with PostgresStore.open(url, blobs, clock or Clock()) as store:
        yield store


async def test_of_ten_who_take_at_once_over_two_services_one_has_the_session(tmp_path, database):
    async with opened(tmp_path, database) as one, opened(tmp_path, database) as other:
        asking = [Holder((one, other)[n % 2].archive).take("lobby") for n in range(10)]
        answers = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert sum(isinstance(answer, CallTaken) for answer in answers) == 9


async def test_all_services_name_the_same_history(tmp_path, database):
    """Else a keeper behind a balancer asked for all heads again with each answer."""
    async with opened(tmp_path, database) as one, opened(tmp_path, database) as two:
        holder = Holder(one.archive)
        taken = await holder.take("lobby")
        said = HostBatch(host_id=holder.host_id, host_name="test", ttl_ms=TTL_MS, batches=())
        answers = [await store.archive.append(said) for store in (one, two)]
    assert [answer.store for answer in answers] == [taken.store] * 2
    async with opened(tmp_path, database) as again:
        assert again.archive.identity == taken.store


async def test_of_two_hosts_with_one_session_one_is_written_to_its_log(tmp_path, database):
    clock = Clock()
    async with opened(tmp_path, database, clock) as one, opened(tmp_path, database, clock) as two:
        late, new = Holder(Heard(one.archive)), Holder(Heard(two.archive))
        await late.take("lobby")
        clock.advance(61)
        taken = await new.take("lobby")
        answers = await asyncio.gather(
            late.append(1, entry(b'{"by":"late"}')), new.append(1, entry(b'{"by":"new"}'))
        )
        assert [answer.outcome for answer in answers] == ["fenced", "acked"]
        log = await one.archive.entries(taken.session_id)
        beside = await two.archive.side_entries(taken.session_id, limit=9)
    assert [e.payload for e in log] == [b'{"by":"new"}']
    assert [e.entry.payload for e in beside] == [b'{"by":"late"}']


async def test_what_is_due_wakes_the_watchers_of_all_services(tmp_path, database):
    async with opened(tmp_path, database) as one, opened(tmp_path, database) as two:
        await _listening(database, 2)
        await one.watch.wait(HANG_S)  # of its start
        waiting = asyncio.create_task(one.watch.wait(HANG_S * 9))
        holder = Holder(two.archive)
        await holder.take("lobby")
        await holder.append(1, final="crashed")
        await asyncio.wait_for(waiting, HANG_S)


async def test_a_hint_that_is_lost_costs_a_look_and_they_come_again(tmp_path, database):
    async with opened(tmp_path, database) as one:
        (pid,) = await _listening(database, 1)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(%s)", [pid])
        holder = Holder(one.archive)
        taken = await holder.take("lobby")
        await holder.append(1, final="crashed")
        (found,) = await one.watch.claim_orphans(limit=9, retry_s=1, until_s=9)
        assert found.session_id == taken.session_id
        await _listening(database, 1, but=pid)


async def test_a_claim_waits_for_nobody_and_leaves_what_another_one_claims(tmp_path, database):
    """Neither for a service that writes, nor for one that stands still with a row."""
    async with opened(tmp_path, database) as store:
        taken = []
        for name in ("first", "second"):
            holder = Holder(store.archive)
            taken.append((await holder.take(name)).session_id)
            await holder.append(1, final="crashed")
        with psycopg.connect(database) as other:
            other.execute(f"select pg_advisory_xact_lock({migrating.LOCK})")
            other.execute("select 1 from sessions where session_id = %s for update", [taken[0]])
            (found,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=9)
        assert found.session_id == taken[1]
        (found,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=9)
        assert found.session_id == taken[0]


async def _listening(database, count, but=0):
    """The processes of the server that have told as many services that they listen."""
    asked = (
        "select pid from pg_stat_activity "
        "where datname = current_database() and query = 'listen unbroken_wake' and state = 'idle'"
    )
    async with asyncio.timeout(HANG_S):
        while True:
            with psycopg.connect(database) as connection:
                found = [pid for (pid,) in connection.execute(asked) if pid != but]
            if len(found) == count:
                return found
            await asyncio.sleep(0.02)


@pytest.mark.timeout(HANG_S * 5)
async def test_a_server_that_dies_under_ingest_loses_nothing_that_was_acknowledged(
    tmp_path, postgres
):
    """`postgres`: one can run here."""
    with standing() as server:
        async with opened(tmp_path, server.url()) as store:
            holder = Holder(store.archive)
            taken = await holder.take("lobby")
            writing = asyncio.create_task(_write(holder))
            for n in range(1, DEATHS + 1):
                await _until_said(holder, n * ENTRIES // (DEATHS + 1), writing)
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
            failed = await asyncio.wait_for(writing, HANG_S)
            log = await store.archive.entries(taken.session_id)
            await store.check()
            now = store.archive.identity
    assert now.system_id == taken.store.system_id
    assert now.timeline != taken.store.timeline  # as if it had been put back
    assert [e.payload for e in log] == [b"%d" % n for n in range(1, ENTRIES + 1)]
    assert failed >= 1


async def _write(holder):
    """Each entry until it is acknowledged, again after each failure; how often it failed."""
    failed = 0
    while holder.said < ENTRIES:
        seq = holder.said + 1
        try:
            answer = await holder.append(seq, entry(b"%d" % seq))
        except ArchiveUnavailable:
            failed += 1
            await asyncio.sleep(0.02)
        else:
            assert answer.outcome == "acked"
            holder.said = seq
    return failed


async def _until_said(holder, count, writing):
    while holder.said < count:
        if writing.done():
            await writing  # whatever it failed for
        await asyncio.sleep(0.001)
