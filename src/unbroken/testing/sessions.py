"""What a store promises to those who look at one session."""

import pytest

from unbroken.archive.port import Archive, WireMark
from unbroken.errors import Conflict, NotFound
from unbroken.log.mark import Mark, Speech, encode
from unbroken.store.port import Store
from unbroken.testing.holders import ENV, Clock, Holder, entry, item

KILL = "kill"


def half_said(after_seq: int) -> WireMark:
    speech = Speech(agent="a", generated="Good morning", heard="Good", heard_ms=300)
    return WireMark(after_seq, ENV.now_us(), encode(Mark(speech)) or b"")


class SessionsContract:
    """Needs `store`, its `archive`, and its `clock`."""

    async def test_who_had_a_session_is_told_the_first_one_first(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        first, second = Holder(archive), Holder(archive)
        taken = await first.take()
        await first.append(1, item("a", "hello", after=None), final="killed")
        clock.advance(2)
        await second.take()
        one, two = await store.sessions.list_terms(taken.session_id)
        assert (one.term, one.first_seq, one.end_seq, one.gap_us) == (1, 1, 1, None)
        assert (two.term, two.first_seq, two.end_seq, two.cause) == (2, 2, None, "killed")
        assert two.gap_us is not None
        assert abs(two.gap_us - 2_000_000) < 2_000_000
        assert two.taken_at_us > one.taken_at_us

    async def test_an_identity_is_held_while_its_session_is_open(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        identity = holder.request().agent_identity
        assert await store.sessions.is_holder("room", identity)
        assert not await store.sessions.is_holder("other", identity)
        assert not await store.sessions.is_holder("room", "ann")

    async def test_what_is_in_flight_is_told_until_its_item_has_come(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        assert await store.sessions.get_mark(taken.session_id) is None
        await holder.append(1, item("u", "hello", after=None), mark=half_said(1))
        found = await store.sessions.get_mark(taken.session_id)
        assert found is not None
        assert found.speech is not None
        assert found.speech.generated == "Good morning"
        await holder.append(2, item("a", "Good morning", after="u", role="assistant"))
        said = await store.sessions.get_mark(taken.session_id)
        assert said is None or said.speech is None

    async def test_an_order_is_given_once_to_the_holder_that_it_is_for(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        assert (await holder.append(1)).orders == ()
        await store.sessions.kill(taken.session_id)
        assert [order.kind for order in (await holder.append(1)).orders] == [KILL]
        assert (await holder.append(1)).orders == ()

    async def test_nobody_is_told_the_orders_to_another_term(
        self, store: Store, archive: Archive
    ) -> None:
        first, second = Holder(archive), Holder(archive)
        taken = await first.take()
        await store.sessions.kill(taken.session_id)
        await first.append(1, final="killed")
        await second.take()
        assert (await second.append(1)).orders == ()

    async def test_a_session_without_a_holder_takes_no_order(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, final="killed")
        with pytest.raises(Conflict):
            await store.sessions.kill(taken.session_id)

    async def test_what_was_stored_is_verified(self, store: Store, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, item("a", "hello", after=None), item("b", "hi", after="a"))
        gone = entry(b'{"ids":["b"]}', kind="items_removed")
        await holder.append(3, item("a", "hello again", after=None), gone)
        found = await store.sessions.verify(taken.session_id)
        assert found.is_whole, found
        assert (found.entries, found.messages, found.findings) == (4, 1, ())

    async def test_only_a_session_that_is_there_can_be_verified(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.sessions.verify(ENV.new_id())

    async def test_sessions_are_listed_the_newest_first(
        self, store: Store, archive: Archive
    ) -> None:
        ids = []
        for room in ("one", "two", "three"):
            holder = Holder(archive)
            ids.append((await holder.take(room)).session_id)
            await holder.append(1, item("a", "hello", after=None))
        listed = [(one, 1) for one in sorted(ids, reverse=True)]
        assert await store.sessions.newest(limit=9) == listed
        assert await store.sessions.newest(limit=2) == listed[:2]
        assert await store.sessions.newest(limit=9, before=listed[1][0]) == listed[2:]
