"""Rooms that were opened with an agent who does not come, with a clock that can be put forward."""

import asyncio
import contextlib

import msgspec
import pytest

from tests.service.livekit_stand_in import AGENT, PERSON
from unbroken.dispatch import Said
from unbroken.errors import ArchiveUnavailable, NotFound, RoomServerUnavailable
from unbroken.log.entries import Ended
from unbroken.service.first_agent import because
from unbroken.service.livekit_rooms import Asked
from unbroken.service.watch.loop import WatchLoop
from unbroken.store.records import Waiting
from unbroken.testing.holders import ENV, Holder, entry


async def look(watch):
    """Let it look at all rooms that are due, to the end."""
    await watch.first.step()
    while tasks := list(watch.first._tasks.values()):
        await asyncio.wait(tasks)
        await asyncio.sleep(0)  # what is done is forgotten behind it


async def pass_time(watch, clock, seconds, *, step_s=0.5):
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        await look(watch)


@pytest.fixture
async def opened(parts, rooms):
    """A room with its first dispatch, and a person in it."""
    room = await parts.opening.open("room")
    rooms.enter("room", PERSON)
    return room


async def take(store, opened, **more):
    holder = Holder(store.archive)
    asked = {"room_sid": opened.sid, "conversation_id": opened.conversation_id}
    await holder.take("room", **asked | more)
    return holder


def job(rooms, *, running, name="room"):
    """The last dispatch of the room has a job."""
    rooms.listed[name][-1] = msgspec.structs.replace(
        rooms.listed[name][-1], jobs=1, running=int(running)
    )


async def test_a_lost_dispatch_is_repeated_with_growing_pauses(watch, rooms, clock, opened):
    at = []
    for half in range(1, 101):
        before = len(rooms.dispatched)
        await pass_time(watch, clock, 0.5)
        at += [half / 2] * (len(rooms.dispatched) - before)
    assert at == pytest.approx([5.5, 11, 16.5, 24.5, 32.5, 40.5, 48.5], abs=1)
    assert len(rooms.listed["room"]) == 1, "those that are lost are withdrawn"


async def test_it_is_not_repeated_once_somebody_has_taken_the_session(
    store, watch, rooms, clock, opened
):
    await take(store, opened)
    asked = rooms.asked
    await pass_time(watch, clock, 30)
    assert len(rooms.dispatched) == 1
    assert rooms.asked == asked, "LiveKit is not even asked"
    assert await store.waiting.next_due_us() is None


async def test_a_session_that_no_job_wrote_is_no_agent(store, watch, rooms, clock, opened):
    await take(store, opened, role="notes", agent_name=None)
    await pass_time(watch, clock, 7)
    assert len(rooms.dispatched) == 2


async def test_anybodys_agent_in_the_room_is_the_agent(store, watch, rooms, clock, opened):
    rooms.enter("room", PERSON, AGENT)
    await pass_time(watch, clock, 90)
    assert len(rooms.dispatched) == 1
    assert "room" in rooms.rooms
    assert await store.waiting.find("room") is None


async def test_an_agent_that_comes_while_its_loss_is_decided_keeps_its_call(
    watch, rooms, clock, opened, monkeypatch
):
    listed = rooms.dispatches

    async def comes(name, agent_name):
        rooms.enter("room", PERSON, AGENT)
        return await listed(name, agent_name)

    monkeypatch.setattr(rooms, "dispatches", comes)
    (kept,) = rooms.listed["room"]
    await pass_time(watch, clock, 90)
    assert rooms.listed["room"] == [kept]


async def test_a_call_that_its_agent_has_ended_gets_no_other(store, watch, rooms, clock, opened):
    holder = await take(store, opened)
    payload = msgspec.json.encode(Ended("said goodbye"))
    await holder.append(1, entry(payload, kind="ended"))
    await pass_time(watch, clock, 30)
    assert len(rooms.dispatched) == 1


async def test_a_worker_that_has_the_job_is_given_time(store, watch, rooms, clock, opened):
    job(rooms, running=True)
    await pass_time(watch, clock, 9)
    assert len(rooms.dispatched) == 1
    assert (await store.waiting.find("room")).is_coming
    await pass_time(watch, clock, 3)
    assert len(rooms.dispatched) == 2
    job(rooms, running=True)
    await pass_time(watch, clock, 17)
    assert len(rooms.dispatched) == 2
    await pass_time(watch, clock, 5)
    assert len(rooms.dispatched) == 3


async def test_a_job_that_is_over_is_followed_at_once(watch, rooms, clock, opened):
    job(rooms, running=False)
    await pass_time(watch, clock, 6)
    assert len(rooms.dispatched) == 2


async def test_nobody_is_sent_into_a_room_without_people(store, watch, rooms, clock, opened):
    rooms.enter("room")
    await pass_time(watch, clock, 100)
    assert len(rooms.dispatched) == 1
    rooms.enter("room", PERSON)
    await pass_time(watch, clock, 9)
    assert len(rooms.dispatched) > 1


async def test_a_room_that_nobody_ever_joined_costs_little_and_ends(
    store, watch, rooms, clock, opened
):
    rooms.enter("room")
    before = rooms.asked
    await pass_time(watch, clock, 60)
    assert rooms.asked - before < 12
    rooms.close("room")
    await pass_time(watch, clock, 61)
    assert await store.waiting.next_due_us() is None


async def test_a_closed_room_waits_no_more(parts, store, opened):
    await parts.opening.close("room")
    assert await store.waiting.next_due_us() is None


async def test_who_waits_too_long_is_told(store, watch, rooms, clock, opened):
    await pass_time(watch, clock, 60)
    assert "room" in rooms.rooms
    await pass_time(watch, clock, 14)
    assert "room" not in rooms.rooms
    assert await store.waiting.next_due_us() is None


async def test_telling_may_leave_the_room_open(parts, store, rooms, clock, opened):
    changed = parts.settings.model_copy(update={"on_give_up": "stay", "first_agent_s": 10})
    watch = WatchLoop(parts._replace(settings=changed))
    await pass_time(watch, clock, 40)
    assert "room" in rooms.rooms
    assert await store.waiting.next_due_us() is None


async def test_a_livekit_that_does_not_answer_is_not_waited_for(store, watch, rooms, clock, opened):
    await pass_time(watch, clock, 30)
    rooms.is_away = True
    for _ in range(60):
        clock.advance(1)
        with contextlib.suppress(RoomServerUnavailable):
            await look(watch)
    rooms.is_away = False
    tries = len(rooms.dispatched)
    await pass_time(watch, clock, 9)
    assert len(rooms.dispatched) > tries
    assert "room" in rooms.rooms, "its people wait anew"


async def test_a_service_that_starts_again_goes_on(parts, watch, rooms, clock, opened):
    await pass_time(watch, clock, 6)
    await watch.first.aclose()
    await pass_time(WatchLoop(parts), clock, 30)
    assert len(rooms.dispatched) == 6


async def test_two_services_send_one_agent(parts, watch, rooms, clock, opened):
    other = WatchLoop(parts)
    for _ in range(60):
        clock.advance(0.5)
        await asyncio.gather(look(watch), look(other))
    assert len(rooms.dispatched) == 5


async def test_two_who_saw_the_same_loss_send_one_agent(store, parts, rooms, clock, opened):
    clock.advance(6)
    seen = await store.waiting.find("room")
    first = parts.opening.first
    await asyncio.gather(*(first.ask(seen, has_people=True) for _ in range(5)))
    assert len(rooms.dispatched) == 2


async def test_the_next_dispatch_says_what_the_first_said(parts, watch, rooms, clock, opened):
    said = Said("customer 17", {"tier": "gold"})
    rooms.listed["room"] = [Asked(id="AD_of_the_application", said=said, jobs=0, running=0)]
    await pass_time(watch, clock, 20)
    assert [asked.said for asked in rooms.listed["room"]] == [said]


async def test_a_room_that_livekit_forgot_gets_its_agent_too(watch, rooms, clock, opened):
    rooms.close("room")
    rooms.listed.clear()
    await pass_time(watch, clock, 8)
    rooms.open("room", PERSON, sid="RM_after", age_s=0)
    await pass_time(watch, clock, 20)
    assert str(opened.conversation_id) in rooms.rooms["room"].metadata
    assert len(rooms.dispatched) > 1


async def test_a_stranger_in_a_room_of_that_name_gets_no_agent_of_ours(
    store, watch, rooms, clock, opened
):
    rooms.open("room", PERSON, sid="RM_other", conversation_id=ENV.new_id())
    await pass_time(watch, clock, 20)
    assert len(rooms.dispatched) == 1
    assert await store.waiting.find("room") is None


async def test_a_room_that_is_opened_again_and_has_lost_its_agent_gets_another(
    parts, watch, rooms, clock, opened
):
    rooms.enter("room", PERSON, AGENT)
    await pass_time(watch, clock, 7)
    rooms.listed.clear()
    rooms.enter("room", PERSON)
    await parts.opening.open("room")
    assert len(rooms.dispatched) == 2


async def test_rooms_that_do_not_wait_are_not_looked_at(parts, store, watch, rooms, clock):
    for number in range(30):
        opened = await parts.opening.open(f"room {number}")
        rooms.enter(opened.name, PERSON)
        await Holder(store.archive).take(opened.name, room_sid=opened.sid)
    last = await parts.opening.open("last")
    rooms.enter(last.name, PERSON)
    before = rooms.asked
    await pass_time(watch, clock, 5.5)
    assert rooms.asked - before <= 6


async def test_a_livekit_that_fails_in_one_room_is_asked_again(
    *, store, watch, rooms, clock, opened, monkeypatch
):
    async def away(_name):
        raise RoomServerUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(rooms, "participants", away)
        await pass_time(watch, clock, 20)
    assert (len(rooms.dispatched), (await store.waiting.find("room")).since_us) == (1, None)
    await pass_time(watch, clock, 2)
    assert len(rooms.dispatched) == 2


async def test_a_room_that_vanishes_while_it_is_looked_at_is_looked_at_again(
    *, store, watch, rooms, clock, opened, monkeypatch
):
    async def gone(_name, _metadata):
        raise NotFound

    rooms.open("room", PERSON, sid="RM_after")
    with monkeypatch.context() as patch:
        patch.setattr(rooms, "set_metadata", gone)
        await pass_time(watch, clock, 7)
    assert len(rooms.dispatched) == 1
    await pass_time(watch, clock, 20)
    assert len(rooms.dispatched) > 1


async def test_a_room_that_closes_as_it_is_given_up_is_over(
    *, parts, store, watch, rooms, clock, opened, monkeypatch
):
    async def gone(_name):
        raise NotFound

    monkeypatch.setattr(parts.opening, "close", gone)
    await pass_time(watch, clock, 75)
    assert await store.waiting.next_due_us() is None


async def test_a_store_that_fails_costs_a_pause(*, store, watch, rooms, clock, opened, monkeypatch):
    async def away(_room_id, **_seen):
        raise ArchiveUnavailable

    rooms.enter("room")
    with monkeypatch.context() as patch:
        patch.setattr(store.waiting, "look", away)
        await pass_time(watch, clock, 7)
    rooms.enter("room", PERSON)
    await pass_time(watch, clock, 20)
    assert len(rooms.dispatched) > 1


# What people are told


async def names(store):
    return await store.waiting.agent_names(within_s=86_400)


async def test_the_names_of_a_day_are_known(store, clock):
    for number, name in enumerate(("concierge", "old", "clerk", "clerk")):
        await Holder(store.archive).take(f"room {number}", agent_name=name)
        if name == "old":
            clock.advance(90_000)
    assert await names(store) == ("clerk",)
    await Holder(store.archive).take("one more", agent_name="concierge")
    assert await names(store) == ("clerk", "concierge")


WAITING = Waiting(
    room_id=ENV.new_id(),
    name="room",
    conversation_id=ENV.new_id(),
    agent_name="concierge",
    opened_at_us=0,
    due_at_us=0,
    looks=0,
    asked_at_us=0,
    tries=2,
    since_us=0,
    is_coming=False,
)


@pytest.mark.parametrize(
    ("changed", "seen", "expected"),
    [
        ({}, (), 'registered under the name "concierge": the last 24 hours have seen no agents'),
        ({}, ("clerk", ""), 'the last 24 hours have seen only agents named "clerk"'),
        ({}, ("clerk", "concierge"), "they may be busy, starting or stopped"),
        ({"tries": 1}, ("clerk",), "was asked for and has not come yet"),
        ({"is_coming": True}, (), "has taken the job and its agent has not joined yet"),
        ({"agent_name": ""}, ("clerk",), "no worker seems to be registered under no name"),
    ],
)
def test_why_nobody_has_come(changed, seen, expected):
    assert expected in because(msgspec.structs.replace(WAITING, **changed), seen)
