"""Sessions that nobody holds: claimed for a dispatch, counted, ended."""

import pytest

from unbroken.errors import CallTaken
from unbroken.testing.holders import TTL_MS, Holder, entry


async def orphan(archive, cause, room="room"):
    holder = Holder(archive)
    taken = await holder.take(room)
    await holder.append(1, final=cause)
    return holder, taken


async def test_an_orphan_is_claimed_again_and_again_until_it_is_given_up(store, archive, clock):
    _, taken = await orphan(archive, "killed")
    claims = []
    for _ in range(12):
        claims += await store.ownership.claim_orphans(limit=9, retry_s=1, until_s=3.5)
        clock.advance(0.6)
    assert {c.session_id for c in claims} == {taken.session_id}
    assert [c.dispatches for c in claims] == [1, 2, 3, 4]
    assert [c.is_last for c in claims] == [False, False, False, True]


@pytest.mark.parametrize("cause", ["empty", "server_shutdown"])
async def test_an_empty_room_is_left_alone_until_people_are_back(store, archive, cause):
    _, taken = await orphan(archive, cause)
    claim = store.ownership.claim_orphans
    assert await claim(limit=9, retry_s=1, until_s=30) == []
    assert await store.ownership.rejoined(taken.session_id, taken.term)
    assert len(await claim(limit=9, retry_s=1, until_s=30)) == 1


async def test_crashes_are_counted_while_they_are_recent(store, archive, clock):
    for _ in range(3):
        _, taken = await orphan(archive, "killed")
    count = store.ownership.count_crashes
    assert await count(taken.session_id, window_s=120) == 3
    clock.advance(121)
    assert await count(taken.session_id, window_s=120) == 1


async def test_an_orphan_is_ended_once(store, archive, clock):
    holder, taken = await orphan(archive, "empty")
    assert await store.ownership.list_abandoned(orphaned_s=600) == []
    clock.advance(601)
    (found,) = await store.ownership.list_abandoned(orphaned_s=600)
    assert (found.session_id, found.room_name, found.cause) == (taken.session_id, "room", "empty")
    end = store.ownership.end
    assert await end(found.session_id, found.term, found.holder, reason="people_left")
    assert not await end(found.session_id, found.term, found.holder, reason="again")
    (call,) = await store.conversations.list_calls(taken.conversation_id)
    assert (call.end_reason, call.sessions[0].phase) == ("people_left", "ended")
    assert (await holder.append(1, entry())).outcome == "ended"


async def test_a_session_that_was_taken_meanwhile_is_not_ended(store, archive, clock):
    await orphan(archive, "killed")
    clock.advance(601)
    (found,) = await store.ownership.list_abandoned(orphaned_s=600)
    await Holder(archive).take()
    assert not await store.ownership.end(found.session_id, found.term, found.holder, reason="x")


async def test_a_call_ends_with_its_last_session(store, archive):
    one, two = Holder(archive), Holder(archive)
    taken = await one.take()
    await two.take(role="supervisor")
    ended = entry(b'{"reason":"done"}', kind="ended")
    await one.append(1, ended)
    (call,) = await store.conversations.list_calls(taken.conversation_id)
    assert call.ended_at_us is None
    await two.append(1, ended)
    (call,) = await store.conversations.list_calls(taken.conversation_id)
    assert call.ended_at_us is not None


async def test_a_host_that_stays_silent_is_swept(store, archive, clock):
    holder = Holder(archive)
    taken = await holder.take()
    clock.advance(599)
    assert await store.ownership.sweep(silent_s=600) == []
    clock.advance(10)
    assert await store.ownership.sweep(silent_s=600) == [taken.session_id]
    session = await store.conversations.get_session(taken.session_id)
    assert (session.phase, session.cause) == ("orphaned", "host_lost")


async def test_nobody_is_lost_right_after_a_start_or_a_pause_of_the_store(archive, clock):
    await Holder(archive).take()
    clock.advance(TTL_MS / 1000 + 1)
    archive.pulse()  # the pause ends here: hosts could not be heard
    with pytest.raises(CallTaken):
        await Holder(archive).take()
    for _ in range(4):
        clock.advance(1)
        archive.pulse()
    assert (await Holder(archive).take()).cause == "host_lost"
