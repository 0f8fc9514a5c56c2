"""However many sessions there are, a round looks at all that may have changed, and at no more."""

import msgspec

from tests.service.begun import begun
from tests.service.livekit_stand_in import PERSON
from tests.service.test_watch import orphan, phase
from unbroken.service.watch import rounds as rounds_
from unbroken.store.records import Round
from unbroken.store.watch import PAGE
from unbroken.testing.holders import TTL_MS, Holder

MANY = PAGE + 5


async def test_who_is_back_before_livekit_has_counted_is_noticed(store, rooms, watch):
    await orphan(store, "empty")
    rooms.open("room", PERSON)
    rooms.rooms["room"] = msgspec.structs.replace(rooms.rooms["room"], participants=0)
    for _ in range(2):
        await watch.rounds.round(await begun(watch))
    assert await store.watch.next_dispatch_us() is not None


async def test_a_room_that_was_left_long_ago_and_is_empty_is_not_asked(store, rooms, watch, clock):
    await orphan(store, "empty")
    rooms.open("room")
    clock.advance(rounds_.COUNTED_S + 1)
    rooms.asked = 0
    await watch.rounds.round(await begun(watch))
    assert rooms.asked == 1  # for the list


async def test_of_more_than_a_page_the_last_one_is_noticed(store, rooms, watch):
    taken = []
    for number in range(MANY):
        name = f"room {number}"
        taken.append(await orphan(store, "empty", room=name))
        rooms.open(name, PERSON, sid=f"RM_{name}")
    await watch.rounds.round(await begun(watch))
    due = await store.watch.claim_orphans(limit=2 * MANY, retry_s=9, until_s=9)
    assert {one.session_id for one in due} == {one.session_id for one in taken}


async def test_of_more_than_a_page_of_lost_hosts_the_last_one_is_judged(store, rooms, watch, clock):
    taken = [await Holder(store.archive).take(f"room {n}") for n in range(MANY)]
    clock.advance(TTL_MS / 1000 + 1)
    watch.rounds._steadiness.listened_us = lambda: TTL_MS * 1_000
    await watch.rounds.round(await begun(watch))
    clock.advance(60)
    await watch.rounds.round(await begun(watch))
    assert {(await phase(store, one))[0] for one in taken} == {"orphaned"}


async def test_of_more_than_a_page_of_calls_that_were_left_all_end(store, watch, clock):
    taken = [await orphan(store, "empty", room=f"room {n}") for n in range(MANY)]
    clock.advance(601)
    await watch.ends.round(await begun(watch))
    assert {await phase(store, one) for one in taken} == {("ended", "people_left")}


async def test_rooms_are_asked_for_by_name_while_they_are_few(store, rooms, watch, monkeypatch):
    monkeypatch.setattr(rounds_, "NAMED_MAX", 2)
    rooms.open("ours")
    rooms.open("another")
    await orphan(store, "empty", room="ours")
    assert set(await watch.rounds.rooms()) == {"ours"}
    await orphan(store, "empty", room="ours too")
    assert set(await watch.rounds.rooms()) == {"ours", "another"}


async def test_nothing_is_asked_while_there_is_no_session(rooms, watch):
    rooms.asked = 0
    await watch.look()
    await watch.rounds.round(Round(1))
    assert rooms.asked == 0


async def test_calls_that_were_left_end_in_one_step_of_the_store(store, watch, clock, monkeypatch):
    """Thousands that are over at once hold up nobody who comes back."""
    taken = [await orphan(store, "empty", room=f"room {n}") for n in range(3)]
    clock.advance(601)
    this = await begun(watch)
    database, steps = store._database, []
    write = database.write

    async def counted(work):
        steps.append(work)
        return await write(work)

    monkeypatch.setattr(database, "write", counted)
    await watch.ends.round(this)
    assert {await phase(store, one) for one in taken} == {("ended", "people_left")}
    assert len(steps) == 2  # with the one for what is idle
