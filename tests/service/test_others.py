"""Others in a room of that name, or in the very room: what the service does for them."""

import pytest

from tests.service.begun import begun
from tests.service.livekit_stand_in import AGENT, PERSON
from tests.service.test_watch import phase, step
from unbroken.service.livekit_rooms import RoomParticipant
from unbroken.service.room_metadata import conversation_of
from unbroken.testing.holders import ENV, Holder, entry

ANN, BOB = PERSON, RoomParticipant("bob", is_person=True, is_agent=False)
API = "/api/v1"
JOINED = entry(b'{"identity":"ann","participant_kind":"standard"}', kind="participant_joined")


async def anns(store, cause, **asked):
    holder = Holder(store.archive)
    taken = await holder.take(**asked)
    await holder.append(1, JOINED, final=cause)
    return taken


async def looked(watch):
    await watch.rounds.round(await begun(watch))
    await step(watch)


@pytest.mark.parametrize("cause", ["killed", "left", "empty", "server_shutdown"])
async def test_others_in_the_room_get_an_agent_for_a_call_of_their_own(store, rooms, watch, cause):
    taken = await anns(store, cause)
    rooms.open("room", BOB, conversation_id=taken.conversation_id)
    await step(watch)
    for _ in range(3):
        await looked(watch)
    assert rooms.dispatched == [("concierge", {})]  # once, and nothing says whose session it was
    assert await phase(store, taken) == ("orphaned", None)
    named = conversation_of(rooms.rooms["room"].metadata)
    his = await Holder(store.archive).take(conversation_id=named, is_room_word=True, people=None)
    assert (his.is_new, his.conversation_id) == (True, named)
    assert named != taken.conversation_id


@pytest.mark.parametrize("cause", ["killed", "empty"])
async def test_whoever_is_in_company_of_its_people_gets_its_successor(store, rooms, watch, cause):
    taken = await anns(store, cause)
    rooms.open("room", BOB, ANN)
    await looked(watch)
    await looked(watch)
    ((_, said),) = rooms.dispatched
    assert said["unbroken"]["session_id"] == str(taken.session_id)


async def test_a_person_is_known_in_a_new_room_that_says_nothing(store, rooms, watch):
    taken = await anns(store, "empty")
    rooms.open("room", ANN, sid="RM_next")
    await looked(watch)
    ((_, said),) = rooms.dispatched
    assert said["unbroken"]["session_id"] == str(taken.session_id)


async def test_others_in_another_room_of_that_name_are_left_alone(store, rooms, watch):
    await anns(store, "killed")
    rooms.open("room", BOB, sid="RM_next")
    await step(watch)
    await looked(watch)
    assert rooms.dispatched == []


async def test_whom_the_application_names_the_conversation_for_gets_the_successor(
    store, rooms, watch
):
    taken = await anns(store, "empty", conversation_id=ENV.new_id())
    rooms.open("room", BOB)
    await looked(watch)
    ((_, said),) = rooms.dispatched
    assert said["unbroken"]["session_id"] == str(taken.session_id)


async def test_whom_it_names_the_conversation_for_in_a_later_room_does_too(
    store, rooms, parts, watch
):
    taken = await anns(store, "server_shutdown")
    await parts.opening.open("room", conversation_id=taken.conversation_id)
    rooms.enter("room", BOB)
    rooms.listed.clear()  # of what the room itself asked for nothing came
    await looked(watch)
    assert rooms.dispatched[-1][1]["unbroken"]["session_id"] == str(taken.session_id)


async def test_who_brought_an_agent_needs_none_of_ours(store, rooms, watch):
    await anns(store, "empty")
    rooms.open("room", BOB, AGENT)
    await looked(watch)
    assert rooms.dispatched == []


# POST /rooms into a room that lives


async def test_a_room_whose_call_is_over_begins_a_conversation_of_its_own(store, rooms, parts):
    first = await parts.opening.open("room")
    holder = Holder(store.archive)
    word = {"conversation_id": first.conversation_id, "is_room_word": True}
    await holder.take(room_sid=first.sid, **word)
    assert (await parts.opening.open("room")).conversation_id == first.conversation_id
    await holder.append(1, JOINED, entry(b'{"reason":"done"}', kind="ended"))
    rooms.enter("room")
    second = await parts.opening.open("room", identity="ann")
    assert second.conversation_id != first.conversation_id
    assert conversation_of(rooms.rooms["room"].metadata) == second.conversation_id


@pytest.mark.parametrize("there", [(), (AGENT,), (AGENT, ANN)])
@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_a_room_is_its_peoples_and_their_companys(store, rooms, parts, there, who):
    first = await parts.opening.open("room")
    holder = Holder(store.archive)
    word = {"conversation_id": first.conversation_id, "is_room_word": True}
    await holder.take(room_sid=first.sid, **word)
    await holder.append(1, JOINED, final=None if there else "empty")
    rooms.enter("room", *there)
    second = await parts.opening.open("room", identity=who)
    is_hers = who == "ann" or ANN in there
    assert (second.conversation_id == first.conversation_id) is is_hers


async def test_a_room_that_the_application_names_stays_as_it_named_it(store, rooms, parts):
    named = ENV.new_id()
    first = await parts.opening.open("room", conversation_id=named)
    holder = Holder(store.archive)
    await holder.take(room_sid=first.sid, conversation_id=named, is_room_word=True)
    await holder.append(1, JOINED, entry(b'{"reason":"done"}', kind="ended"))
    rooms.enter("room")
    again = await parts.opening.open("room", identity="bob")
    assert again.conversation_id == named


# Finalizing


async def test_what_comes_behind_a_final_word_is_new(store, rooms, parts):
    first = await parts.opening.open("room")
    holder = Holder(store.archive)
    word = {"conversation_id": first.conversation_id, "is_room_word": True}
    taken = await holder.take(room_sid=first.sid, **word)
    await holder.append(1, JOINED)
    await store.rooms.finalize("room")
    await store.conversations.close(first.conversation_id, b"{}")
    assert (await holder.append(2, entry())).outcome == "acked"  # it speaks on
    again = await Holder(store.archive).take(room_sid=first.sid, people=(ANN.person,), **word)
    assert again.is_new
    assert again.conversation_id != first.conversation_id
    await holder.append(3, final="left")
    assert await phase(store, taken) == ("ended", "finalized")
    assert await store.watch.next_dispatch_us() is None


async def test_a_call_that_waits_is_over_with_the_final_word(store, rooms, parts):
    taken = await anns(store, "killed")
    await store.rooms.finalize("room")
    assert await phase(store, taken) == ("ended", "finalized")
    assert (await Holder(store.archive).take(people=(ANN.person,))).call_id != taken.call_id


async def test_what_is_saved_behind_a_final_word_is_of_a_new_conversation(client):
    def turn(text):
        return {"room_name": "desk", "participant_identity": "ann", "user_message": text}

    first = (await client.post(f"{API}/conversations/save-turn", json=turn("a"))).json()
    closed = await client.post(f"{API}/conversations/finalize", json={"room_name": "desk"})
    assert closed.json() == first
    saved = [
        (await client.post(f"{API}/conversations/save-turn", json=turn(text))).json()
        for text in "bc"
    ]
    assert saved[0] == saved[1]
    assert saved[0]["conversation_id"] != first["conversation_id"]
