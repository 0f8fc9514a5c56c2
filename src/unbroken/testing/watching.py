"""What a store promises to those who watch over sessions without a holder."""

import asyncio
from functools import partial

import pytest

from unbroken.archive.port import Archive, Taken
from unbroken.log.cause import NOBODY_WAITS
from unbroken.store.port import Store
from unbroken.store.records import Ending, Round, Watched
from unbroken.testing.holders import TTL_MS, Clock, Holder, entry

SOON_S = 60.0  # a guard against hanging


async def orphan(archive: Archive, cause: str, room: str = "room") -> tuple[Holder, Taken]:
    """A session that its holder has left for this reason."""
    holder = Holder(archive)
    taken = await holder.take(room)
    await holder.append(1, final=cause)
    return holder, taken


async def _left_at_us(store: Store, taken: Taken) -> int | None:
    (call,) = await store.conversations.list_calls(taken.conversation_id)
    return call.left_at_us


class WatchContract:
    """Needs `store`, its `archive`, and its `clock`."""

    async def test_an_orphan_is_claimed_again_and_again_until_it_is_late(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        _, taken = await orphan(archive, "killed")
        claims, at_s = [], []
        began_us, now_s = clock.now_us(), 0.0
        while now_s < 13:
            now_s = (clock.now_us() - began_us) / 1e6
            found = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=9)
            claims += found
            at_s += [now_s] * len(found)
            clock.advance(0.1)
        assert {c.session_id for c in claims} == {taken.session_id}
        assert [c.dispatches for c in claims] == [1, 2, 3, 4, 5]
        assert [round(at) for at in at_s] == [0, 1, 3, 7, 11]
        assert [c.is_late for c in claims] == [False, False, False, False, True]
        assert {c.crashes for c in claims} == {1}
        (claim, *_) = claims
        assert (claim.call.room_name, claim.call.sids) == ("room", frozenset({"RM_room"}))

    async def test_a_try_that_livekit_did_not_answer_counts_for_nothing(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        _, taken = await orphan(archive, "killed")
        for _ in range(9):
            (claim,) = await store.watch.claim_orphans(limit=9, retry_s=1, until_s=3)
            await store.watch.postpone(taken.session_id, taken.term, first_s=0.5, most_s=0.5)
            assert await store.watch.claim_orphans(limit=9, retry_s=1, until_s=3) == []
            clock.advance(0.51)
        assert (claim.dispatches, claim.is_late) == (1, False)

    async def test_pauses_are_twice_as_long_until_livekit_answers(
        self, store: Store, archive: Archive
    ) -> None:
        _, taken = await orphan(archive, "killed")
        about = (taken.session_id, taken.term)
        pauses = [await store.watch.postpone(*about, first_s=0.25, most_s=2) for _ in range(6)]
        assert pauses == [0.25, 0.5, 1, 2, 2, 2]
        await store.watch.answered(*about)
        assert await store.watch.postpone(*about, first_s=0.25, most_s=2) == 0.25
        await Holder(archive).take()
        assert await store.watch.postpone(*about, first_s=0.25, most_s=2) is None

    async def test_who_waits_is_woken_when_something_is_due(
        self, store: Store, archive: Archive
    ) -> None:
        await store.watch.wait(0)
        waiting = asyncio.create_task(store.watch.wait(SOON_S))
        await asyncio.sleep(0)
        await orphan(archive, "killed")
        async with asyncio.timeout(SOON_S / 2):
            await waiting
        assert len(await store.watch.claim_orphans(limit=9, retry_s=1, until_s=9)) == 1

    async def test_since_when_a_room_is_missing_is_known_to_every_watcher(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        holder = Holder(archive)
        await holder.take()

        async def silent() -> Watched:
            clock.advance(TTL_MS / 1000 + 1)
            (found,) = await store.watch.list_silent(listened_us=TTL_MS * 1000)
            return found

        await store.watch.note_missing([await silent()], [])
        since = (await silent()).missing_since_us
        assert since is not None
        await store.watch.note_missing([await silent()], [])
        assert (await silent()).missing_since_us == since
        await store.watch.note_missing([], [await silent()])
        assert (await silent()).missing_since_us is None
        await store.watch.note_missing([await silent()], [])
        await holder.append(1)  # the host speaks again: what was noted is of the silence before
        assert (await silent()).missing_since_us is None

    async def test_what_nobody_can_be_dispatched_for_is_not_due(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        await holder.take(role="backend", agent_name=None)
        await holder.append(1, final="killed")
        assert await store.watch.next_dispatch_us() is None

    async def test_an_orphan_whose_room_is_empty_stands_by(
        self, store: Store, archive: Archive
    ) -> None:
        _, taken = await orphan(archive, "killed")
        await store.watch.stand_by(taken.session_id, taken.term)
        assert await store.watch.next_dispatch_us() is None
        (waiting,) = await store.watch.list_waiting(["other", "room"])
        assert (waiting.session_id, waiting.cause) == (taken.session_id, "killed")
        assert await store.watch.rejoined(taken.session_id, taken.term)
        assert not await store.watch.rejoined(taken.session_id, taken.term)
        assert await store.watch.list_waiting(["other", "room"]) == []

    async def test_who_waits_is_found_by_its_room_or_by_how_long_it_has(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        taken = {}
        for room in ("one", "two", "three"):
            holder = Holder(archive)
            taken[room] = (await holder.take(room)).session_id
            await holder.append(1, final="empty")
        names = await store.watch.list_waiting(["two", "none"])
        assert [w.session_id for w in names] == [taken["two"]]
        all_of_them = sorted(taken.values())
        emptied = store.watch.list_emptied
        assert [w.session_id for w in await emptied(within_s=9)] == all_of_them
        behind = await emptied(within_s=9, after=all_of_them[0])
        assert [w.session_id for w in behind] == all_of_them[1:]
        clock.advance(10)
        assert await emptied(within_s=9) == []
        assert sorted(await store.watch.list_rooms(limit=9)) == ["one", "three", "two"]
        assert len(await store.watch.list_rooms(limit=2)) == 2

    async def test_whose_room_was_closed_is_listed_a_page_at_a_time(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        unnamed, named = Holder(archive), Holder(archive)
        lost = (await unnamed.take("one", agent_name=None)).session_id
        await named.take("two")
        for holder in (unnamed, named):
            await holder.append(1, final="empty")
        closing = store.watch.list_closing
        assert await closing(orphaned_s=15) == []
        clock.advance(16)
        assert [w.session_id for w in await closing(orphaned_s=15)] == [lost]
        assert await closing(orphaned_s=15, after=lost) == []

    async def test_an_agent_in_a_room_that_its_call_does_not_know_is_found(
        self, store: Store, archive: Archive
    ) -> None:
        taken = await Holder(archive).take()
        elsewhere = store.watch.list_elsewhere
        assert await elsewhere({"room": "RM_room", "other": "RM_other"}) == []
        (found,) = await elsewhere({"room": "RM_new", "other": "RM_room2"})
        assert found.session_id == taken.session_id
        await store.watch.see_room(found.call, "RM_new")
        assert await elsewhere({"room": "RM_new"}) == []

    @pytest.mark.parametrize("cause", ["empty", "server_shutdown"])
    async def test_an_empty_room_is_left_alone_until_people_are_back(
        self, store: Store, archive: Archive, cause: str
    ) -> None:
        _, taken = await orphan(archive, cause)
        claim = store.watch.claim_orphans
        assert await claim(limit=9, retry_s=1, until_s=30) == []
        assert await store.watch.rejoined(taken.session_id, taken.term)
        assert len(await claim(limit=9, retry_s=1, until_s=30)) == 1

    async def test_crashes_are_counted_while_they_are_recent(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        for _ in range(3):
            _, taken = await orphan(archive, "killed")
        count = store.watch.count_crashes
        assert await count(taken.session_id, window_s=120) == 3
        clock.advance(121)
        assert await count(taken.session_id, window_s=120) == 1

    async def test_a_round_is_begun_once_and_the_next_one_is_due_in_time(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        begin = partial(store.watch.begin_round, again_s=1, unsure_s=15)
        assert await begin() is None
        await Holder(archive).take()
        (first,) = filter(None, await asyncio.gather(*(begin() for _ in range(5))))
        clock.advance(0.9)
        assert await begin() is None
        clock.advance(0.2)
        assert await begin(late_s=0.5) is None
        assert await begin() == Round(first.number + 1)
        clock.advance(1.6)
        assert await begin(late_s=0.5) == Round(first.number + 2)

    async def test_rounds_are_unsure_for_a_while_after_livekit_was_away(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        begin = partial(store.watch.begin_round, again_s=1, unsure_s=15)
        await orphan(archive, "empty")
        await store.watch.note_away()
        for seconds, is_unsure in ((14, True), (2, False)):
            clock.advance(seconds)
            this = await begin()
            assert this
            assert this.is_unsure is is_unsure

    async def test_an_orphan_is_ended_once(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        holder, taken = await orphan(archive, "empty")
        assert await store.watch.list_abandoned(orphaned_s=600) == []
        clock.advance(601)
        (found,) = await store.watch.list_abandoned(orphaned_s=600)
        assert (found.session_id, found.cause) == (taken.session_id, "empty")
        end = store.watch.end
        assert await end(found.session_id, found.term, found.holder, reason="people_left")
        assert not await end(found.session_id, found.term, found.holder, reason="again")
        (call,) = await store.conversations.list_calls(taken.conversation_id)
        assert (call.end_reason, call.sessions[0].phase) == ("people_left", "ended")
        assert (await holder.append(1, entry())).outcome == "ended"

    async def test_of_many_those_are_ended_that_nobody_has_taken(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        left = [(await orphan(archive, "empty", room))[1].session_id for room in ("one", "two")]
        clock.advance(601)
        found = await store.watch.list_abandoned(orphaned_s=600)
        assert [a.session_id for a in found] == left
        await Holder(archive).take("one", new_session_id=left[0])
        ends = [Ending(a.session_id, a.term, a.holder, "people_left") for a in found]
        assert await store.watch.end_each(ends) == left[1:]
        assert await store.watch.end_each(ends) == []
        one, two = [await store.conversations.get_session(session_id) for session_id in left]
        assert (one.phase, two.phase, two.end_reason) == ("live", "ended", "people_left")

    @pytest.mark.parametrize("cause", ["empty", "server_shutdown", "killed", "left"])
    async def test_people_have_left_when_there_is_nobody_to_wait_for(
        self, store: Store, archive: Archive, clock: Clock, cause: str
    ) -> None:
        holder, taken = await orphan(archive, cause)
        if cause not in NOBODY_WAITS:
            assert await _left_at_us(store, taken) is None
            await store.watch.stand_by(taken.session_id, taken.term)
        left_us = await _left_at_us(store, taken)
        assert left_us is not None
        clock.advance(601)
        ended = await store.watch.end(taken.session_id, taken.term, holder.id, reason="people_left")
        assert ended
        assert await _left_at_us(store, taken) == left_us

    async def test_who_waited_until_the_call_was_given_up_had_not_left(
        self, store: Store, archive: Archive
    ) -> None:
        holder, taken = await orphan(archive, "killed")
        assert await store.watch.end(taken.session_id, taken.term, holder.id, reason="gave_up")
        assert await _left_at_us(store, taken) is None

    async def test_a_role_that_has_ended_itself_does_not_say_who_is_there(
        self, store: Store, archive: Archive
    ) -> None:
        one, two = Holder(archive), Holder(archive)
        taken = await one.take()
        await two.take(role="supervisor")
        await one.append(1, entry(b'{"reason":"done"}', kind="ended"))
        assert await _left_at_us(store, taken) is None
        await two.append(1, final="empty")
        assert await _left_at_us(store, taken) is not None

    async def test_a_session_that_was_taken_meanwhile_is_not_ended(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        await orphan(archive, "killed")
        clock.advance(601)
        (found,) = await store.watch.list_abandoned(orphaned_s=600)
        await Holder(archive).take()
        assert not await store.watch.end(found.session_id, found.term, found.holder, reason="x")

    async def test_a_call_ends_with_its_last_session(self, store: Store, archive: Archive) -> None:
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

    async def test_a_host_is_silent_when_its_own_lease_is_over(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        silent = store.watch.list_silent
        clock.advance(TTL_MS / 1000 - 0.5)
        assert await silent(listened_us=TTL_MS * 1000) == []
        clock.advance(1)
        assert await silent(listened_us=TTL_MS * 1000 - 1) == []
        (found,) = await silent(listened_us=TTL_MS * 1000)
        assert (found.session_id, found.holder) == (taken.session_id, holder.id)
        await holder.append(1)
        assert await silent(listened_us=TTL_MS * 1000) == []

    async def test_a_host_that_speaks_again_has_its_sessions_back(
        self, store: Store, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        lose = store.watch.orphan
        assert await lose(taken.session_id, taken.term, holder.id, cause="host_lost")
        assert (await holder.append(1)).outcome == "acked"
        session = await store.conversations.get_session(taken.session_id)
        assert (session.phase, session.term) == ("live", 1)
        assert await store.watch.next_dispatch_us() is None

    async def test_those_who_spoke_before_are_known_while_the_session_lives(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        old, _ = await orphan(archive, "killed")
        assert await store.watch.list_former() == {}
        await Holder(archive).take()
        former = {"room": {old.request().agent_identity}}
        assert await store.watch.list_former(within_s=60) == former
        clock.advance(61)
        assert await store.watch.list_former(within_s=60) == {}
        assert await store.watch.list_former() == former
