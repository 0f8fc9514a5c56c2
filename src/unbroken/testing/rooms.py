"""What a store promises about rooms, and about those that wait for their first agent."""

from typing import Any
from uuid import UUID

import pytest

from unbroken.archive.port import Archive
from unbroken.coordination.scope import ROOM, StateOwner
from unbroken.errors import NotFound
from unbroken.store.port import Store
from unbroken.store.records import Awaited, Room, SavedTurn, Waiting
from unbroken.testing.going import GoingContract
from unbroken.testing.holders import ENV, Clock, Holder, entry

PAUSE_S = 5.0
ROOM_STATE = StateOwner(ROOM, "room")


async def opened(store: Store, name: str = "room", **more: Any) -> Room:
    values: dict[str, Any] = {"conversation_id": ENV.new_id(), "sid": f"RM_{name}", "user_id": None}
    return await store.rooms.put(name, **values | more)


def turn(key: str, said: str = "hello") -> SavedTurn:
    texts = {"user_message": said, "assistant_message": f"{said}!"}
    return SavedTurn(room_name="room", identity="ann", metadata={}, key=key, **texts)


class RoomsContract(GoingContract):
    """Needs `store`, its `archive`, and its `clock`."""

    async def test_a_room_that_is_put_again_is_the_same(self, store: Store) -> None:
        assert await store.rooms.get("room") is None
        first = await opened(store, agents=("a", "b"))
        again = await opened(store, conversation_id=first.conversation_id, sid="RM_2")
        assert (again.id, again.sid, again.agents) == (first.id, "RM_2", ("a", "b"))
        assert await store.rooms.get("room") == again

    async def test_about_another_conversation_it_is_another_room(self, store: Store) -> None:
        first, second = await opened(store), await opened(store)
        assert first.id != second.id
        assert await store.rooms.get("room") == second

    async def test_a_room_is_closed_once(self, store: Store) -> None:
        await opened(store)
        assert await store.rooms.close("room")
        assert not await store.rooms.close("room")
        assert await store.rooms.get("room") is None

    async def test_what_is_announced_is_in_the_open_call_of_the_room(
        self, store: Store, archive: Archive
    ) -> None:
        taken = await Holder(archive).take()
        place = await store.rooms.announce("room")
        assert (place.call_id, place.conversation_id) == (taken.call_id, taken.conversation_id)
        assert await store.rooms.find("room") == place
        assert (await store.rooms.announce("other")).call_id != taken.call_id
        with pytest.raises(NotFound):
            await store.rooms.find("unknown")

    async def test_a_finalized_call_is_continued_by_nobody(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        first = await holder.take()
        assert (await store.rooms.finalize("room")).call_id == first.call_id
        assert (await holder.append(1, entry())).outcome == "acked"  # it speaks on until it leaves
        await holder.append(2, final="left")
        session = await store.conversations.get_session(first.session_id)
        assert (session.phase, session.end_reason) == ("ended", "finalized")
        assert (await Holder(archive).take(room_sid="RM_2")).call_id != first.call_id

    async def test_a_saved_turn_is_kept_once(self, store: Store) -> None:
        place = await store.rooms.save_turn(turn("a"))
        assert await store.rooms.save_turn(turn("a")) == place
        await store.rooms.save_turn(turn("b", "bye"))
        found = await store.conversations.list_messages(place.conversation_id, limit=9)
        assert [m.content for m in found] == ["hello", "hello!", "bye", "bye!"]
        assert [m.role for m in found[:2]] == ["user", "assistant"]

    async def test_a_room_goes_on_for_its_own_people(self, store: Store, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        joined = b'{"identity":"ann","participant_kind":"standard"}'
        await holder.append(1, entry(joined, kind="participant_joined"), final="server_shutdown")
        assert await store.rooms.goes_on("room") is None
        assert await store.rooms.goes_on("room", "bob") is None
        assert await store.rooms.goes_on("room", "ann") == taken.conversation_id

    async def test_what_is_shared_in_a_room_is_for_its_conversation(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        await store.state.set(ROOM_STATE, "pin", b"1234")
        await Holder(archive).take(role="second")
        assert (await store.state.get(ROOM_STATE, "pin")).content == b"1234"
        await store.rooms.finalize("room")
        await holder.append(1, final="left")
        await Holder(archive).take(room_sid="RM_2")
        with pytest.raises(NotFound):
            await store.state.get(ROOM_STATE, "pin")

    async def test_what_is_shared_before_the_call_begins_is_there_in_it(
        self, store: Store, archive: Archive
    ) -> None:
        await Holder(archive).take()
        await store.rooms.finalize("room")
        room = await opened(store, sid="RM_2")
        await store.state.set(ROOM_STATE, "table", b"4")
        await Holder(archive).take(room_sid="RM_2")
        assert (await store.state.get(ROOM_STATE, "table")).content == b"4"
        assert (await opened(store, sid="RM_2")).id != room.id
        with pytest.raises(NotFound):
            await store.state.get(ROOM_STATE, "table")


class WaitingRoomsContract:
    """Needs `store`, its `archive`, and its `clock`."""

    async def test_a_room_waits_until_an_agent_has_taken_it(
        self, store: Store, archive: Archive
    ) -> None:
        room = await awaited(store)
        (name,) = await store.waiting.list()
        assert name == room.name
        await Holder(archive).take(conversation_id=room.conversation_id, is_room_word=True)
        assert await store.waiting.find("room") is None
        assert await store.waiting.list() == {}

    async def test_of_all_who_claim_what_is_due_one_is_given_it(
        self, store: Store, clock: Clock
    ) -> None:
        room = await awaited(store)
        assert await store.waiting.claim(limit=9, hold_s=15) == ()
        clock.advance(PAUSE_S + 1)
        (claimed,) = await store.waiting.claim(limit=9, hold_s=15)
        assert claimed.room_id == room.id
        assert await store.waiting.claim(limit=9, hold_s=15) == ()
        clock.advance(16)
        assert len(await store.waiting.claim(limit=9, hold_s=15)) == 1

    async def test_of_all_who_saw_that_a_dispatch_is_lost_one_asks_again(
        self, store: Store, clock: Clock
    ) -> None:
        room = await awaited(store)
        seen = await waits(store)
        clock.advance(1)
        asked: dict[str, Any] = {"has_people": True, "again_s": 5}
        assert await store.waiting.may_ask(seen, **asked)
        assert not await store.waiting.may_ask(seen, **asked)
        now = await waits(store)
        assert (now.room_id, now.tries) == (room.id, seen.tries + 1)

    async def test_people_wait_since_they_were_first_seen(self, store: Store, clock: Clock) -> None:
        room = await awaited(store)
        assert (await waits(store)).since_us is None
        await look(store, room.id, has_people=True)
        since = (await waits(store)).since_us
        clock.advance(3)
        await look(store, room.id, has_people=True)
        assert (await waits(store)).since_us == since is not None
        await look(store, room.id, has_people=False)
        assert (await waits(store)).since_us is None

    async def test_what_is_settled_waits_no_more(self, store: Store) -> None:
        room = await awaited(store)
        await store.waiting.settle(room.id)
        assert await store.waiting.find("room") is None
        assert await store.waiting.next_due_us() is None

    async def test_the_names_of_agents_are_those_of_lately(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        await Holder(archive).take("old", agent_name="old")
        clock.advance(100)
        await Holder(archive).take("new", agent_name="new")
        assert await store.waiting.agent_names(within_s=50) == ("new",)
        assert set(await store.waiting.agent_names(within_s=200)) == {"old", "new"}


async def awaited(store: Store) -> Room:
    """A room that was opened with an agent."""
    return await opened(store, awaits=Awaited("concierge", ENV.now_us(), PAUSE_S))


async def waits(store: Store) -> Waiting:
    found = await store.waiting.find("room")
    assert found is not None
    return found


async def look(store: Store, room_id: UUID, *, has_people: bool) -> None:
    seen = {"has_people": has_people, "asked": True, "is_coming": False}
    await store.waiting.look(room_id, again_s=1, **seen)
