"""A wall clock that is set moves nothing that waits: no lease, no dispatch, no end."""

from functools import partial

import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.coordination.rate import window
from unbroken.store.records import SavedTurn
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import LISTENED_S, Heard, Holder
from unbroken.testing.leases import TTL_S, granted, is_free
from unbroken.testing.watching import orphan

DAY_S = 86_400
STEPS_S = (400 * DAY_S, -400 * DAY_S, 90, -90, -80 * 365 * DAY_S)  # the last one to before 1970

pytestmark = pytest.mark.parametrize("step_s", STEPS_S)


async def test_the_next_dispatch_comes_when_it_would_have(store, archive, clock, step_s):
    _, taken = await orphan(archive, "killed")
    claim = store.watch.claim_orphans
    assert len(await claim(limit=9, retry_s=4, until_s=60)) == 1
    clock.step(step_s)
    clock.advance(3)
    assert await claim(limit=9, retry_s=4, until_s=60) == []
    clock.advance(1.1)
    (again,) = await claim(limit=9, retry_s=4, until_s=60)
    assert (again.session_id, again.is_late, again.crashes) == (taken.session_id, False, 1)
    due_us = await store.watch.next_dispatch_us()
    assert due_us is not None
    assert 7 < (due_us - clock.now_us()) / 1e6 < 9


async def test_the_next_round_comes_when_it_would_have(store, archive, clock, step_s):
    begin = partial(store.watch.begin_round, again_s=4, unsure_s=6)
    await orphan(archive, "empty")
    await begin()
    await store.watch.note_away()
    clock.step(step_s)
    clock.advance(3)
    assert await begin() is None
    clock.advance(1.1)
    assert (this := await begin())
    assert this.is_unsure
    clock.advance(4.1)
    assert (this := await begin())
    assert not this.is_unsure


async def test_an_orphan_is_given_up_when_it_would_have_been(store, archive, clock, step_s):
    await orphan(archive, "killed")
    clock.step(step_s)
    clock.advance(20)
    (claim,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=30)
    assert not claim.is_late
    clock.advance(11)
    (claim,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=30)
    assert claim.is_late


async def test_those_who_may_come_back_have_as_long_as_before(store, archive, clock, step_s):
    await orphan(archive, "empty")
    clock.step(step_s)
    await Holder(archive).take("another room")  # any write
    assert await store.watch.list_abandoned(orphaned_s=600) == []
    clock.advance(601)
    assert len(await store.watch.list_abandoned(orphaned_s=600)) == 1


async def test_the_gap_is_the_time_that_went_by(archive, clock, step_s):
    await orphan(archive, "killed")
    clock.step(step_s)
    clock.advance(2)
    taken = await Holder(archive).take()
    assert (2 <= taken.gap_us / 1e6 < 4, taken.crashes) == (True, 1)


async def test_crashes_are_recent_for_as_long_as_before(store, archive, clock, step_s):
    for _ in range(3):
        _, taken = await orphan(archive, "killed")
    clock.step(step_s)
    assert (await Holder(archive).take()).crashes == 3
    clock.advance(121)
    assert await store.watch.count_crashes(taken.session_id, window_s=120) == 0


async def test_an_order_is_carried_out_if_it_is_young(store, archive, clock, step_s):
    holder = Holder(archive)
    taken = await holder.take()
    await store.sessions.kill(taken.session_id)
    clock.step(step_s)
    assert len((await holder.append(1)).orders) == 1
    await store.sessions.kill(taken.session_id)
    clock.step(step_s)
    clock.advance(31)
    assert (await holder.append(1)).orders == ()


async def test_a_room_that_was_closed_is_closed_for_its_call(store, archive, clock, step_s):
    taken = await Holder(archive).take()
    about = {"conversation_id": taken.conversation_id, "user_id": None}
    await store.rooms.put("room", sid="RM_room", **about)
    clock.step(step_s)
    await store.rooms.close("room")
    clock.step(-step_s)
    assert (await Holder(archive).take(room_sid="RM_next")).call_id != taken.call_id


async def test_what_is_saved_over_rest_is_idle_when_nothing_was_said(store, clock, step_s):
    said = {"user_message": "hi", "assistant_message": None, "metadata": {}, "key": "k"}
    await store.rooms.save_turn(SavedTurn(room_name="room", identity=None, **said))
    clock.step(step_s)
    assert await store.watch.end_idle(idle_s=600) == []
    clock.advance(601)
    assert len(await store.watch.end_idle(idle_s=600)) == 1


async def test_leases_and_windows_last_for_as_long_as_they_would_have(store, clock, step_s):
    await granted(store)
    asked = window("sms", "ann", limit=1, per_s=TTL_S)
    assert await store.leases.admit(asked) is None
    clock.step(step_s)
    clock.advance(TTL_S - 1)
    assert not await is_free(store)
    assert await store.leases.admit(asked) is not None
    clock.advance(2)
    assert await is_free(store)
    assert await store.leases.admit(asked) is None


async def test_fences_grow_whatever_the_clock_does(store, clock, step_s):
    lease = await granted(store)
    clock.step(step_s)
    clock.advance(TTL_S + 1)
    assert (await granted(store)).fence > lease.fence


async def test_conversations_are_listed_as_they_came(store, archive, clock, step_s):
    made = []
    for n, step in enumerate((0, step_s, -step_s)):
        clock.step(step)
        made.append((await Holder(archive).take(f"room {n}")).conversation_id)
    found = await store.conversations.list_conversations(limit=9)
    assert [c.id for c in found] == made[::-1]


async def test_a_clock_that_was_set_while_the_store_was_closed_keeps_nobody(
    tmp_path, clock, step_s
):
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    file, asked = tmp_path / "other.sqlite", window("sms", "ann", limit=1, per_s=TTL_S)
    async with SqliteStore.open(file, blobs, clock) as store:
        await Holder(store.archive).take("living")
        await orphan(store.archive, "killed", "orphaned")
        await orphan(store.archive, "empty", "empty")
        await granted(store)
        await store.leases.admit(asked)
    clock.step(step_s)
    async with SqliteStore.open(file, blobs, clock) as store:
        clock.advance(LISTENED_S)
        assert await is_free(store)
        assert await store.leases.admit(asked) is None
        assert (await Holder(Heard(store.archive)).take("living")).cause == "host_lost"
        assert len(await store.watch.claim_orphans(limit=9, retry_s=1, until_s=30)) == 1
        clock.advance(601)
        assert len(await store.watch.list_abandoned(orphaned_s=600)) == 2
