"""What a store promises about who continues a call: who comes, where, and what was named."""

from typing import Any

import msgspec
import pytest

from unbroken.archive.port import Archive, Taken, WireEntry
from unbroken.errors import CallTaken, PeopleUnknown
from unbroken.people import Person
from unbroken.store.port import Store
from unbroken.testing.holders import ENV, TTL_MS, Clock, Holder, entry, item

ANN, BOB = Person("ann"), Person("bob")
PHONE = Person("sip_1", "+15550100")
LOST = ["killed", "left", "empty", "server_shutdown", "host_lost"]
PLACES = ["RM_room", "RM_next"]


def joined(identity: str, kind: str = "standard", attributes: str = "{}") -> WireEntry:
    payload = f'{{"identity":"{identity}","participant_kind":"{kind}","attributes":{attributes}}}'
    return entry(payload.encode(), kind="participant_joined")


def hung_up(reason: str = '"bye"') -> WireEntry:
    return entry(b'{"data":%s,"name":"unbroken.ending"}' % reason.encode(), kind="note")


def goodbye(clock: Clock, ago_s: float, reason: str = '"bye"') -> WireEntry:
    return msgspec.structs.replace(hung_up(reason), at_us=clock.now_us() - int(ago_s * 1_000_000))


async def anns(archive: Archive, *more: WireEntry, final: str | None = None, **asked: Any) -> Taken:
    """A call with Ann in it; `final`: how its agent left."""
    holder = Holder(archive)
    taken = await holder.take(**asked)
    await holder.append(1, joined("ann"), *more, final=final)
    return taken


async def taken_over(
    store: Store, archive: Archive, clock: Clock, *said: WireEntry
) -> tuple[Holder, Holder]:
    """An agent that is taken for lost has hung up before another one came; what came of it."""
    lost, successor = Holder(archive, clock=clock), Holder(archive, clock=clock)
    taken = await lost.take()
    await lost.append(1, joined("ann"))
    await store.watch.orphan(taken.session_id, 1, lost.id, cause="host_lost")
    clock.advance(5)
    await successor.take(session_id=taken.session_id)
    if said:
        await successor.append(2, *said)
    return lost, successor


class GoingContract:
    """Needs `store`, its `archive`, and its `clock`."""

    @pytest.mark.parametrize("cause", LOST)
    @pytest.mark.parametrize("sid", PLACES)
    @pytest.mark.parametrize("who", [ANN, BOB])
    async def test_a_call_goes_on_for_its_own_people_only(
        self, archive: Archive, cause: str, sid: str, who: Person
    ) -> None:
        first = await anns(archive, final=cause)
        again = await Holder(archive).take(room_sid=sid, people=(who,))
        is_hers = who is ANN
        assert (again.call_id == first.call_id) is is_hers
        assert (again.conversation_id == first.conversation_id) is is_hers
        assert again.is_new is not is_hers

    @pytest.mark.parametrize("sid", PLACES)
    async def test_in_company_of_one_of_them_everybody_goes_on(
        self, archive: Archive, sid: str
    ) -> None:
        first = await anns(archive, final="killed")
        again = await Holder(archive).take(room_sid=sid, people=(BOB, ANN))
        assert again.session_id == first.session_id

    async def test_a_living_agent_is_not_the_strangers(self, archive: Archive) -> None:
        """Her room is gone and its agent about to be: he is in another one of that name."""
        first = await anns(archive)
        again = await Holder(archive).take(room_sid="RM_next", people=(BOB,))
        assert again.call_id != first.call_id

    @pytest.mark.parametrize("sid", PLACES)
    async def test_whose_call_it_is_is_asked_for_where_it_matters(
        self, archive: Archive, sid: str
    ) -> None:
        first = await anns(archive, final="killed")
        with pytest.raises(PeopleUnknown):
            await Holder(archive).take(room_sid=sid, people=None)
        nobody = await Holder(archive).take(room_sid=sid, people=())
        assert (nobody.call_id == first.call_id) is (sid == "RM_room")

    async def test_nobody_is_asked_for_in_a_room_of_a_new_name(self, archive: Archive) -> None:
        assert (await Holder(archive).take(people=None)).is_new

    async def test_a_telephone_is_known_by_its_number(self, archive: Archive) -> None:
        holder = Holder(archive)
        first = await holder.take()
        caller = joined("sip_1", "sip", '{"sip.phoneNumber":"+15550100"}')
        await holder.append(1, caller, final="empty")
        other = Person("sip_9", "+15550999")
        assert (await Holder(archive).take(room_sid="RM_2", people=(other,))).is_new
        again = Person("sip_7", "+15550100")
        taken = await Holder(archive).take(room_sid="RM_3", people=(again,))
        assert taken.session_id == first.session_id

    async def test_a_number_that_a_browser_wrote_is_nobodys(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        caller = joined("eve", "standard", '{"sip.phoneNumber":"+15550100"}')
        await holder.append(1, caller, final="empty")
        assert (await Holder(archive).take(room_sid="RM_2", people=(PHONE,))).is_new

    async def test_an_agent_is_no_person(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, joined("ann"), joined("bot", "agent"), final="empty")
        assert (await Holder(archive).take(room_sid="RM_2", people=(Person("bot"),))).is_new

    async def test_a_user_whom_the_application_names_is_known(self, archive: Archive) -> None:
        first = await anns(archive, final="empty", user_id="u-1")
        other = await Holder(archive).take(room_sid="RM_2", people=(BOB,), user_id="u-2")
        assert other.is_new
        again = await Holder(archive).take(room_sid="RM_3", people=(BOB,), user_id="u-1")
        assert again.session_id == first.session_id

    @pytest.mark.parametrize("sid", PLACES)
    async def test_whoever_the_application_names_the_conversation_for_continues_it(
        self, archive: Archive, sid: str
    ) -> None:
        first = await anns(archive, final="empty")
        named: dict[str, Any] = {"conversation_id": first.conversation_id, "people": (BOB,)}
        again = await Holder(archive).take(room_sid=sid, **named)
        assert (again.session_id, again.is_named) == (first.session_id, True)

    @pytest.mark.parametrize("sid", PLACES)
    async def test_what_we_wrote_into_the_room_is_nobodys_word(
        self, store: Store, archive: Archive, sid: str
    ) -> None:
        conversation_id = ENV.new_id()
        await store.rooms.put("room", conversation_id=conversation_id, sid="RM_room", user_id=None)
        word: dict[str, Any] = {"conversation_id": conversation_id, "is_room_word": True}
        first = await anns(archive, final="empty", **word)
        assert (first.conversation_id, first.is_named) == (conversation_id, False)
        await store.rooms.put("room", conversation_id=conversation_id, sid=sid, user_id=None)
        again = await Holder(archive).take(room_sid=sid, people=(BOB,), **word)
        assert again.is_new
        assert again.conversation_id != conversation_id
        stale = await Holder(archive).take(room_sid=sid, role="other", people=(BOB,), **word)
        assert stale.call_id == again.call_id  # the room still says what it said before him

    async def test_what_we_chose_once_the_application_may_name(
        self, store: Store, archive: Archive
    ) -> None:
        """In the metadata of a room that it makes itself."""
        chosen = ENV.new_id()
        await store.rooms.put("room", conversation_id=chosen, sid="RM_room", user_id=None)
        word: dict[str, Any] = {"conversation_id": chosen, "is_room_word": True}
        first = await anns(archive, final="empty", **word)
        again = await Holder(archive).take(room_sid="RM_made", people=(BOB,), **word)
        assert (again.session_id, again.is_named) == (first.session_id, True)

    async def test_an_agent_that_is_quicker_than_the_room_is_noted_takes_no_word_for_theirs(
        self, store: Store, archive: Archive
    ) -> None:
        chosen = ENV.new_id()
        word: dict[str, Any] = {"conversation_id": chosen, "is_room_word": True}
        await anns(archive, final="empty", **word)
        await store.rooms.put("room", conversation_id=chosen, sid="RM_room", user_id=None)
        assert (await Holder(archive).take(people=(BOB,), **word)).is_new

    @pytest.mark.parametrize("is_ours", [True, False])
    async def test_what_the_application_wrote_into_the_room_is_its_word(
        self, store: Store, archive: Archive, is_ours: bool
    ) -> None:
        """With its own server API, or with `POST /rooms`."""
        named = ENV.new_id()
        if is_ours:
            room: dict[str, Any] = {"conversation_id": named, "sid": "RM_room", "user_id": None}
            await store.rooms.put("room", **room, is_named=True)
        word: dict[str, Any] = {"conversation_id": named, "is_room_word": True}
        first = await anns(archive, hung_up(), final="left", **word)
        again = await Holder(archive).take(people=(BOB,), **word)
        assert (again.is_new, again.is_named) == (True, True)
        assert again.conversation_id == first.conversation_id

    @pytest.mark.parametrize("sid", PLACES)
    @pytest.mark.parametrize("final", [None, "killed", "left", "empty"])
    async def test_behind_a_hang_up_everything_is_new_for_her_too(
        self, store: Store, archive: Archive, sid: str, final: str | None
    ) -> None:
        first = await anns(archive, hung_up(), final=final)
        again = await Holder(archive).take(room_sid=sid, people=(ANN,))
        assert again.is_new
        assert again.conversation_id != first.conversation_id
        phase = (await store.conversations.get_session(first.session_id)).phase
        assert phase == ("live" if final is None else "ended")

    async def test_a_hang_up_that_was_taken_back_is_none(self, archive: Archive) -> None:
        first = await anns(archive, hung_up(), hung_up("null"), final="left")
        assert (await Holder(archive).take(people=(ANN,))).session_id == first.session_id

    async def test_a_host_that_is_lost_behind_a_hang_up_is_not_replaced(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, joined("ann"), hung_up())
        assert await store.watch.orphan(taken.session_id, 1, holder.id, cause="host_lost")
        session = await store.conversations.get_session(taken.session_id)
        assert (session.phase, session.end_reason) == ("ended", "bye")
        assert await store.watch.next_dispatch_us() is None

    async def test_who_names_a_session_that_was_hung_up_is_not_given_it(
        self, archive: Archive, clock: Clock
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, joined("ann"), hung_up())
        clock.advance(TTL_MS / 1000 + 0.1)
        with pytest.raises(CallTaken):
            await Holder(archive).take(session_id=taken.session_id)

    async def test_a_hang_up_that_comes_late_ends_a_session_that_was_taken_for_lost(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, joined("ann"))
        await store.watch.orphan(taken.session_id, 1, holder.id, cause="host_lost")
        await holder.append(2, hung_up(), final="crashed")
        assert (await store.conversations.get_session(taken.session_id)).phase == "ended"
        assert await store.watch.next_dispatch_us() is None

    async def test_a_successor_leaves_when_the_goodbye_comes_behind_it(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        greeting = item("hello", "Hello.", after=None, role="assistant")
        lost, successor = await taken_over(store, archive, clock, greeting)
        answer = await lost.append(2, goodbye(clock, 2), final="crashed")
        assert answer.outcome == "fenced"
        assert (await successor.append(3)).outcome == "ended"
        session = await store.conversations.get_session(answer.session_id)
        assert (session.phase, session.end_reason) == ("ended", "bye")
        assert (await Holder(archive).take(people=(ANN,))).is_new

    async def test_it_stays_for_who_has_talked_to_it(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        heard = item("hi", "Are you there?", after=None)
        lost, successor = await taken_over(store, archive, clock, heard)
        await lost.append(2, goodbye(clock, 2), final="crashed")
        assert (await successor.append(3)).outcome == "acked"

    async def test_a_deposed_agent_that_puts_its_session_away_ends_nothing(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        lost, successor = await taken_over(store, archive, clock)
        clock.advance(3)
        await lost.append(2, goodbye(clock, 2), final="left")
        assert (await successor.append(2)).outcome == "acked"

    async def test_a_late_goodbye_that_was_taken_back_ends_nothing(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        lost, successor = await taken_over(store, archive, clock)
        await lost.append(2, goodbye(clock, 2), goodbye(clock, 1, "null"), final="left")
        assert (await successor.append(2)).outcome == "acked"

    async def test_what_is_saved_beside_a_call_does_not_keep_it(self, archive: Archive) -> None:
        """Her agent hung up; a client of the backend has a session of its own in her call."""
        agent, client = Holder(archive), Holder(archive)
        first = await agent.take()
        beside = await client.take(role="backend", room_sid=f"none-{client.id}", agent_name=None)
        assert beside.call_id == first.call_id
        await agent.append(1, joined("ann"), hung_up(), final="left")
        assert (await Holder(archive).take(people=(ANN,))).call_id != first.call_id

    async def test_the_room_of_a_stranger_is_about_his_conversation(
        self, store: Store, archive: Archive
    ) -> None:
        conversation_id = ENV.new_id()
        await store.rooms.put("room", conversation_id=conversation_id, sid="RM_room", user_id=None)
        await anns(archive, final="empty")
        his = await Holder(archive).take(people=(BOB,))
        room = await store.rooms.get("room")
        assert room is not None
        assert room.conversation_id == his.conversation_id != conversation_id
