"""What the watch concludes from what LiveKit says, with a clock that can be put forward."""

import asyncio
import json

import pytest

from tests.service.begun import begun
from tests.service.livekit_stand_in import PERSON
from unbroken.dispatch import KEPT_BYTES_MAX, Said, of_application, pointer_in
from unbroken.errors import RoomServerUnavailable
from unbroken.service.livekit_rooms import RoomParticipant
from unbroken.service.watch.loop import ENDS_ROUNDS, WatchLoop
from unbroken.testing.holders import TTL_MS, Holder


async def orphan(store, cause="killed", **more):
    holder = Holder(store.archive)
    taken = await holder.take(**more)
    await holder.append(1, final=cause)
    return taken


async def phase(store, taken):
    session = await store.conversations.get_session(taken.session_id)
    return session.phase, session.end_reason


async def step(watch):
    """Let the failover do all that is due, to the end."""
    await watch.failover.step()
    while tasks := list(watch.failover._tasks.values()):
        await asyncio.wait(tasks)
        await asyncio.sleep(0)  # what is done is forgotten behind it


# Failover


async def test_an_orphan_with_people_gets_an_agent(store, rooms, watch):
    rooms.open("room", PERSON)
    taken = await orphan(store, agent_identity="old")
    await step(watch)
    (asked,) = rooms.dispatched
    assert asked == (
        "concierge",
        {
            "unbroken": {
                "session_id": str(taken.session_id),
                "after_term": 1,
                "conversation_id": str(taken.conversation_id),
            }
        },
    )
    assert rooms.removed == ["old"]


async def test_nobody_is_sent_into_an_empty_room(store, rooms, watch, clock):
    rooms.open("room", RoomParticipant("recorder", is_person=False, is_agent=False))
    taken = await orphan(store)
    await step(watch)
    assert rooms.dispatched == []
    assert await store.watch.next_dispatch_us() is None
    await watch.rounds.round(await begun(watch))
    assert await store.watch.next_dispatch_us() is None
    rooms.open("room", PERSON)
    clock.advance(100)
    await watch.rounds.round(await begun(watch))
    await step(watch)
    assert len(rooms.dispatched) == 1
    assert await phase(store, taken) == ("orphaned", None)


@pytest.mark.parametrize("cause", ["empty", "server_shutdown"])
async def test_an_orderly_end_waits_for_people(store, rooms, watch, cause):
    await orphan(store, cause)
    await step(watch)
    await watch.rounds.round(await begun(watch))
    await step(watch)
    assert rooms.dispatched == []
    rooms.open("room", PERSON)
    await watch.rounds.round(await begun(watch))
    await step(watch)
    assert len(rooms.dispatched) == 1


async def test_a_stranger_in_a_room_of_that_name_gets_no_agent_of_ours(store, rooms, watch):
    stranger = Holder(store.archive).id
    rooms.open("room", PERSON, sid="RM_other", conversation_id=stranger)
    await orphan(store)
    await step(watch)
    await watch.rounds.round(await begun(watch))
    await step(watch)
    assert rooms.dispatched == []


async def test_a_room_that_says_nothing_is_a_strangers_after_a_hang_up(store, rooms, watch):
    await orphan(store, "empty")
    rooms.open("room", PERSON, sid="RM_other")
    await watch.rounds.round(await begun(watch))
    assert await store.watch.next_dispatch_us() is None


async def test_a_dispatch_is_repeated_until_the_term_moves(store, rooms, watch, clock):
    rooms.open("room", PERSON)
    await orphan(store)
    for _ in range(4):
        await step(watch)
        clock.advance(0.6)
    assert len(rooms.dispatched) == 2
    await Holder(store.archive).take()
    clock.advance(1)
    await step(watch)
    assert len(rooms.dispatched) == 2


async def test_who_never_gets_an_agent_is_given_up(store, rooms, watch, clock):
    rooms.open("room", PERSON)
    taken = await orphan(store)
    await step(watch)
    clock.advance(31)
    await step(watch)
    assert await phase(store, taken) == ("ended", "gave_up")
    assert rooms.rooms == {}


async def test_the_third_crash_in_two_minutes_is_the_last(store, rooms, watch):
    rooms.open("room", PERSON)
    for tries in (1, 2):
        await orphan(store)
        await step(watch)
        assert len(rooms.dispatched) == tries
    taken = await orphan(store)
    await step(watch)
    assert (len(rooms.dispatched), rooms.rooms) == (2, {})
    assert await phase(store, taken) == ("ended", "gave_up")


async def test_a_lost_provider_gets_one_more_try(store, rooms, watch):
    rooms.open("room", PERSON)
    await orphan(store, "provider_lost")
    await step(watch)
    assert len(rooms.dispatched) == 1
    taken = await orphan(store, "provider_lost")
    await step(watch)
    assert len(rooms.dispatched) == 1
    assert await phase(store, taken) == ("ended", "gave_up")


async def test_giving_up_may_leave_the_room_open(store, rooms, parts):
    changed = parts.settings.model_copy(update={"on_give_up": "stay", "crashes_max": 1})
    watch = WatchLoop(parts._replace(settings=changed))
    rooms.open("room", PERSON)
    taken = await orphan(store)
    await step(watch)
    assert await phase(store, taken) == ("ended", "gave_up")
    assert "room" in rooms.rooms


async def test_while_livekit_is_away_nothing_is_lost_and_little_is_asked(
    store, rooms, watch, clock
):
    rooms.open("room", PERSON)
    taken = await orphan(store)
    rooms.is_away = True
    pauses = []
    for _ in range(40):
        await step(watch)
        due_us = await store.watch.next_dispatch_us()
        pauses.append((due_us - clock.now_us()) / 1e6)
        clock.advance(2.01)
    assert 0.1 < pauses[0] < 0.3
    assert 1 < pauses[-1] <= 2  # less what a busy machine takes for a step
    assert await phase(store, taken) == ("orphaned", None)
    rooms.is_away = False
    await step(watch)
    assert len(rooms.dispatched) == 1


# Hosts


async def lost(store, clock, **more):
    taken = await Holder(store.archive).take(**more)
    clock.advance(TTL_MS / 1000 + 0.1)
    return taken


async def test_a_holder_is_lost_when_host_and_livekit_have_lost_it(store, rooms, watch, clock):
    rooms.open("room", PERSON)
    taken = await lost(store, clock)
    await watch.rounds.round(await begun(watch))
    session = await store.conversations.get_session(taken.session_id)
    assert (session.phase, session.cause) == ("orphaned", "host_lost")
    await step(watch)
    assert len(rooms.dispatched) == 1


@pytest.mark.parametrize("answer", [True, None])
async def test_a_silent_keeper_costs_no_agent_its_call(store, rooms, watch, clock, answer):
    rooms.answer = answer
    rooms.open("room", PERSON, RoomParticipant("agent", is_person=False, is_agent=True))
    taken = await lost(store, clock, agent_identity="agent")
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("live", None)


async def test_a_silent_host_whose_agent_does_not_answer_is_lost(store, rooms, watch, clock):
    """LiveKit shows it for some twenty seconds more."""
    rooms.answer = False
    rooms.open("room", PERSON, RoomParticipant("agent", is_person=False, is_agent=True))
    taken = await lost(store, clock, agent_identity="agent")
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)
    await step(watch)
    assert rooms.removed == ["agent"]
    assert len(rooms.dispatched) == 1


async def test_a_pause_of_ours_is_no_proof(store, rooms, watch, clock, steadiness):
    rooms.open("room", PERSON)
    taken = await Holder(store.archive).take()
    clock.advance(20)
    steadiness.pulse()
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("live", None)


async def test_a_livekit_that_was_away_is_no_proof(store, rooms, watch, clock):
    rooms.open("room", PERSON)
    taken = await lost(store, clock)
    rooms.is_away = True
    with pytest.raises(RoomServerUnavailable):
        await watch.round(await begun(watch))
    rooms.is_away = False
    clock.advance(14)
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("live", None)
    clock.advance(2)
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_livekit_that_started_again_is_no_proof(store, rooms, watch, clock, is_new):
    taken = await lost(store, clock)
    if is_new:
        rooms.open("room", PERSON, sid="RM_after", age_s=1)
    await watch.rounds.round(await begun(watch))
    clock.advance(13)
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("live", None)
    clock.advance(3)
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)


# Ends


@pytest.mark.parametrize(("cause", "reason"), [("empty", "people_left"), ("killed", "abandoned")])
async def test_an_orphan_waits_for_its_people_but_not_for_ever(store, clock, watch, cause, reason):
    taken = await orphan(store, cause)
    clock.advance(599)
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)
    clock.advance(2)
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("ended", reason)


async def test_an_orphan_whose_room_was_closed_is_over(store, clock, rooms, watch):
    conversation_id = Holder(store.archive).id
    rooms.open("room", conversation_id=conversation_id)
    await store.rooms.put("room", conversation_id=conversation_id, sid="RM_room", user_id=None)
    taken = await orphan(store, "empty", conversation_id=conversation_id)
    clock.advance(100)
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)
    await store.rooms.close("room")
    rooms.close()
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("ended", "room_closed")


async def test_a_livekit_that_does_not_answer_ends_nothing(store, clock, rooms, watch):
    taken = await orphan(store, role="backend", agent_name=None)
    rooms.is_away = True
    clock.advance(60)
    for _ in range(ENDS_ROUNDS):
        with pytest.raises(RoomServerUnavailable):
            await watch.round(await begun(watch))
    rooms.is_away = False
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)
    clock.advance(16)
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("ended", "room_closed")


async def test_a_living_session_is_left_alone(store, clock, rooms, watch):
    rooms.open("room", PERSON)
    holder = Holder(store.archive)
    taken = await holder.take()
    for _ in range(4):
        clock.advance(500)
        await holder.append(1)
        await watch.rounds.round(await begun(watch))
        await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("live", None)


async def test_a_host_that_never_comes_back_ends_after_all(store, clock, watch):
    taken = await lost(store, clock)
    await watch.rounds.round(await begun(watch))
    clock.advance(16)
    await watch.rounds.round(await begun(watch))
    assert await phase(store, taken) == ("orphaned", None)
    await step(watch)
    clock.advance(601)
    await watch.ends.round(await begun(watch))
    assert await phase(store, taken) == ("ended", "abandoned")


# Rooms


async def test_an_agent_of_an_older_term_is_sent_out(store, rooms, watch, clock):
    await orphan(store, agent_identity="old")
    await Holder(store.archive).take(agent_identity="new")
    there = [RoomParticipant(name, is_person=False, is_agent=True) for name in ("old", "new")]
    rooms.open("room", PERSON, *there)
    await watch.rounds.round(await begun(watch))
    assert rooms.removed == ["old"]
    clock.advance(61)
    for _ in range(10):
        await watch.rounds.round(await begun(watch))
    assert rooms.removed == ["old", "old"]


# What the dispatch said


async def test_a_successor_is_told_what_the_first_holder_was_told(store, rooms, watch):
    rooms.open("room", PERSON)
    said = Said('{"customer":"c-17"}', {"tier": "gold"})
    await orphan(store, said=said)
    await step(watch)
    await orphan(store, said=Said("what a later one was told does not count"))
    await step(watch)
    first, second = (asked.said for asked in rooms.listed["room"])
    assert (of_application(first), of_application(second)) == (said, said)
    assert [pointer_in(s)["after_term"] for s in (first, second)] == [1, 2]


async def test_what_is_too_long_to_be_kept_is_read_from_livekits_list(store, rooms, watch):
    rooms.open("room", PERSON)
    said = Said(json.dumps({"essay": "x" * KEPT_BYTES_MAX}))
    await rooms.dispatch("room", agent_name="concierge", said=said)
    await orphan(store, said=said)
    await step(watch)
    assert of_application(rooms.listed["room"][-1].said) == said
