"""What an archive promises of ownership: one holder, and a successor that misses nothing."""

import asyncio
from typing import Protocol

import pytest

from unbroken.archive.port import Archive, Taken
from unbroken.errors import CallTaken, InvalidInput, NotFound
from unbroken.testing.holders import ENV, TTL_MS, Holder, entry, numbered, payloads

STEPS_S = (400 * 86_400.0, -400 * 86_400.0, 3_600.0, -3_600.0)


class Advancing(Protocol):
    def advance(self, seconds: float) -> None: ...

    def step(self, seconds: float) -> None: ...


class TakeContract:
    async def test_a_new_session_begins_empty_in_term_one(self, archive: Archive) -> None:
        taken = await Holder(archive).take()
        assert (taken.term, taken.base, taken.is_new) == (1, 0, True)
        assert (taken.entries, taken.mark, taken.cause) == ((), None, None)

    async def test_ids_made_by_the_writer_are_used(self, archive: Archive) -> None:
        request = Holder(archive).request()
        taken = await archive.take(request)
        assert taken.session_id == request.new_session_id
        assert taken.call_id == request.new_call_id
        assert taken.conversation_id == request.new_conversation_id

    async def test_the_same_holder_gets_the_same_term_again(self, archive: Archive) -> None:
        holder = Holder(archive)
        assert await holder.take() == await holder.take()

    async def test_of_ten_that_race_one_wins(self, archive: Archive) -> None:
        first = Holder(archive)
        await first.take()
        await first.append(1, *numbered(1, 3), final="killed")
        racers = [Holder(archive) for _ in range(10)]
        results = await asyncio.gather(*(r.take() for r in racers), return_exceptions=True)
        won = [r for r in results if isinstance(r, Taken)]
        assert len(won) == 1
        assert sum(isinstance(r, CallTaken) for r in results) == 9
        assert (won[0].term, won[0].base, len(won[0].entries)) == (2, 3, 3)

    async def test_a_living_holder_keeps_its_session(self, archive: Archive) -> None:
        await Holder(archive).take()
        with pytest.raises(CallTaken):
            await Holder(archive).take()

    async def test_a_session_of_a_silent_host_may_be_taken(
        self, archive: Archive, clock: Advancing
    ) -> None:
        await Holder(archive).take()
        clock.advance(TTL_MS / 1000 + 0.1)
        taken = await Holder(archive).take()
        assert (taken.term, taken.cause, taken.is_new) == (2, "host_lost", False)

    async def test_any_batch_of_a_host_renews_its_lease(
        self, archive: Archive, clock: Advancing
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        clock.advance(2)
        await holder.append(1)
        clock.advance(2)
        with pytest.raises(CallTaken):
            await Holder(archive).take()

    async def test_another_sid_is_the_same_call_while_its_holder_lives(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        before = await holder.take()
        after = await holder.take(room_sid="RM_after_a_crash_of_livekit")
        assert after == before
        with pytest.raises(CallTaken):
            await Holder(archive).take(room_sid="RM_after_a_crash_of_livekit")

    async def test_the_next_call_in_a_room_is_not_the_strangers(self, archive: Archive) -> None:
        holder = Holder(archive)
        first = await holder.take()
        await holder.append(1, final="empty")
        second = await Holder(archive).take(room_sid="RM_next_day")
        assert second.call_id != first.call_id
        assert second.conversation_id != first.conversation_id
        assert second.is_new

    async def test_a_conversation_that_is_named_goes_on(self, archive: Archive) -> None:
        holder = Holder(archive)
        first = await holder.take()
        await holder.append(1, final="empty")
        again = Holder(archive)
        second = await again.take("other", conversation_id=first.conversation_id)
        assert second.conversation_id == first.conversation_id
        assert second.call_id != first.call_id

    async def test_a_room_that_stays_open_behind_an_ended_call_starts_a_new_one(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        first = await holder.take()
        await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))
        second = await Holder(archive).take()
        assert second.call_id != first.call_id
        assert second.is_new

    async def test_who_does_not_know_the_sid_means_the_open_call(self, archive: Archive) -> None:
        unknown, agent = Holder(archive), Holder(archive)
        first = await unknown.take(role="backend", room_sid=f"none-{unknown.id}")
        assert (await agent.take()).call_id == first.call_id
        await agent.append(1, final="killed")
        other = Holder(archive)
        await unknown.append(1, final="empty")
        again = await other.take(role="backend", room_sid=f"none-{other.id}")
        assert (again.call_id, again.session_id) == (first.call_id, first.session_id)

    async def test_two_roles_share_a_call(self, archive: Archive) -> None:
        one = await Holder(archive).take()
        two = await Holder(archive).take(role="supervisor")
        assert one.call_id == two.call_id
        assert one.session_id != two.session_id

    async def test_a_dispatch_takes_the_session_that_it_names(self, archive: Archive) -> None:
        first, second = Holder(archive), Holder(archive)
        before = await first.take()
        await first.append(1, *numbered(1, 2), final="killed")
        # Neither role nor sid nor conversation say what the id says.
        after = await second.take(
            session_id=before.session_id,
            role="other",
            room_sid="RM_after",
            conversation_id=ENV.new_id(),
        )
        assert (after.session_id, after.call_id) == (before.session_id, before.call_id)
        assert after.conversation_id == before.conversation_id
        assert (after.term, after.base, after.cause) == (2, 2, "killed")
        await second.append(3, final="killed")
        by_sid = await Holder(archive).take(room_sid="RM_after")
        assert by_sid.session_id == before.session_id

    async def test_a_dispatch_for_one_role_lets_the_others_have_their_own(
        self, archive: Archive
    ) -> None:
        """Two roles of one job are gone with it; each dispatch names the session of one."""
        left, right = Holder(archive), Holder(archive)
        named, other = await left.take(role="left"), await right.take(role="right")
        await left.append(1, final="killed")
        await right.append(1, final="killed")
        again = await Holder(archive).take(role="right", session_id=named.session_id)
        assert (again.session_id, again.term) == (other.session_id, 2)
        again = await Holder(archive).take(role="left", session_id=named.session_id)
        assert (again.session_id, again.term) == (named.session_id, 2)
        with pytest.raises(CallTaken):
            await Holder(archive).take(role="left", session_id=other.session_id)

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_of_two_agents_in_a_room_none_gets_the_session_of_the_other(
        self, archive: Archive, clock: Advancing, is_known: bool
    ) -> None:
        """Both hosts are lost, and each successor's dispatch names the other one's session."""
        names = ("guide", "clerk")
        before = {}
        for name in names if is_known else names[:1]:
            before[name] = await Holder(archive).take(role=name, agent_name=name)
        clock.advance(TTL_MS / 1000 + 0.1)
        wrong = [before.get(name, before["guide"]).session_id for name in reversed(names)]
        tries = [
            Holder(archive).take(role=name, agent_name=name, session_id=session_id)
            for name, session_id in zip(names, wrong, strict=True)
        ]
        for name, taken in zip(names, await asyncio.gather(*tries), strict=True):
            assert taken.call_id == before["guide"].call_id
            assert taken.is_new is (name not in before)
            if name in before:
                assert (taken.session_id, taken.term) == (before[name].session_id, 2)

    async def test_a_role_that_was_renamed_goes_on(self, archive: Archive) -> None:
        holder = Holder(archive)
        before = await holder.take(role="old")
        await holder.append(1, *numbered(1, 2), final="killed")
        after = await Holder(archive).take(role="new", session_id=before.session_id)
        assert (after.session_id, after.base) == (before.session_id, 2)

    async def test_of_ten_that_race_for_a_named_session_one_wins(self, archive: Archive) -> None:
        first = Holder(archive)
        before = await first.take()
        await first.append(1, *numbered(1, 3), final="killed")
        racers = [Holder(archive) for _ in range(10)]
        tries = [r.take(session_id=before.session_id) for r in racers]
        results = await asyncio.gather(*tries, return_exceptions=True)
        won = [r for r in results if isinstance(r, Taken)]
        assert [(w.term, w.base, payloads(w)) for w in won] == [
            (2, 3, [e.payload for e in numbered(1, 3)])
        ]
        assert sum(isinstance(r, CallTaken) for r in results) == 9

    async def test_a_named_session_that_lives_or_has_ended_is_not_given(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        with pytest.raises(CallTaken):
            await Holder(archive).take(session_id=taken.session_id)
        await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))
        with pytest.raises(CallTaken):
            await Holder(archive).take(session_id=taken.session_id)

    async def test_a_session_that_nobody_knows_is_not_made(self, archive: Archive) -> None:
        with pytest.raises(NotFound):
            await Holder(archive).take(session_id=ENV.new_id())

    async def test_a_session_of_another_room_is_not_given(self, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take("one")
        await holder.append(1, final="killed")
        with pytest.raises(InvalidInput):
            await Holder(archive).take("two", session_id=taken.session_id)

    async def test_a_holder_whose_term_is_over_gets_it_again(self, archive: Archive) -> None:
        first, second = Holder(archive), Holder(archive)
        one = await first.take()
        await first.append(1, *numbered(1, 2), final="killed")
        two = await second.take()
        await second.append(3, entry(b'{"reason":"done"}', kind="ended"))
        for holder, taken, outcome in ((first, one, "fenced"), (second, two, "ended")):
            again = await holder.take()
            assert (again.term, again.base) == (taken.term, taken.base)
            assert again.session_id == taken.session_id
            assert (await holder.append(taken.base + 1)).outcome == outcome

    async def test_a_holder_that_asks_again_after_its_end_does_not_live_again(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, final="killed")
        assert (await holder.take()).term == taken.term
        assert (await Holder(archive).take()).term == 2

    async def test_the_gap_is_the_time_without_a_holder(
        self, archive: Archive, clock: Advancing
    ) -> None:
        holder, next_one = Holder(archive), Holder(archive)
        assert (await holder.take()).gap_us == 0
        await holder.append(1, final="killed")
        clock.advance(2.5)
        taken = await next_one.take()
        assert 2_500_000 <= taken.gap_us < 4_000_000
        assert (await next_one.take()).gap_us == taken.gap_us

    async def test_crashes_of_the_last_two_minutes_are_counted_and_no_orderly_shutdown(
        self, archive: Archive, clock: Advancing
    ) -> None:
        counted = []
        for cause in ("left", "killed", "empty", "server_shutdown", "left", "frozen"):
            holder = Holder(archive)
            counted.append((await holder.take()).crashes)
            await holder.append(1, final=cause)
        clock.advance(121)
        counted.append((await Holder(archive).take()).crashes)
        assert counted == [0, 0, 1, 1, 1, 1, 1]

    @pytest.mark.parametrize("cause", ["killed", "left", "empty", "server_shutdown"])
    async def test_an_orphan_goes_on_under_another_sid_in_its_conversation(
        self, archive: Archive, cause: str
    ) -> None:
        holder, second = Holder(archive), Holder(archive)
        first = await holder.take()
        await holder.append(1, final=cause)
        named = first.conversation_id
        after = await second.take(room_sid="RM_after", conversation_id=named)
        assert (after.call_id, after.session_id, after.term) == (first.call_id, first.session_id, 2)
        await second.append(1, final="empty")
        stranger = await Holder(archive).take(room_sid="RM_stranger", conversation_id=ENV.new_id())
        assert stranger.call_id != first.call_id

    async def test_an_orphan_with_people_goes_on_in_a_room_that_forgot_its_name(
        self, archive: Archive
    ) -> None:
        holder, second = Holder(archive), Holder(archive)
        first = await holder.take()
        await holder.append(1, final="killed")
        again = await second.take(room_sid="RM_after")
        assert (again.session_id, again.term) == (first.session_id, 2)

    async def test_a_refusal_says_whose_session_it_is(self, archive: Archive) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        for named in (None, taken.session_id):
            with pytest.raises(CallTaken) as refused:
                await Holder(archive).take(session_id=named)
            assert (refused.value.session_id, refused.value.is_over) == (taken.session_id, False)
        await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))
        with pytest.raises(CallTaken) as refused:
            await Holder(archive).take(session_id=taken.session_id)
        assert (refused.value.session_id, refused.value.is_over) == (taken.session_id, True)

    async def test_a_role_that_is_new_beside_the_named_one_is_its_own(
        self, archive: Archive
    ) -> None:
        """Who is the same agent has both; anybody else means the named one, renamed since."""
        holder = Holder(archive)
        taken = await holder.take(agent_identity="agent-of-two")
        named = taken.session_id
        beside = await Holder(archive).take(
            session_id=named, role="second", agent_identity="agent-of-two"
        )
        assert (beside.call_id, beside.is_new) == (taken.call_id, True)
        with pytest.raises(CallTaken):
            await Holder(archive).take(session_id=named, role="third", agent_identity="other")

    @pytest.mark.parametrize("is_named", [True, False])
    async def test_a_store_that_went_back_grants_again(
        self, archive: Archive, is_named: bool
    ) -> None:
        before, newer = Holder(archive), Holder(archive)
        first = await before.take()
        await before.append(1, *numbered(1, 3))  # as far as the backup goes: its holder lives
        named = first.session_id if is_named else None
        again = await newer.take(granted_term=4, session_id=named)
        assert (again.session_id, again.term, again.base) == (first.session_id, 4, 3)
        assert payloads(again) == [e.payload for e in numbered(1, 3)]
        assert (await newer.append(4, entry(b"new"))).outcome == "acked"
        answer = await before.append(1, *numbered(1, 5))
        assert (answer.outcome, answer.seq) == ("fenced", 3)
        assert await newer.take(granted_term=4, session_id=named) == again

    async def test_a_store_that_ended_what_went_on_elsewhere_opens_it_again(
        self, archive: Archive
    ) -> None:
        before, newer = Holder(archive), Holder(archive)
        first = await before.take()
        await before.append(1, entry(b'{"reason":"abandoned"}', kind="ended"))
        again = await newer.take(session_id=first.session_id, granted_term=2)
        assert (again.call_id, again.term, again.base) == (first.call_id, 2, 1)
        assert (await newer.append(2, entry())).outcome == "acked"

    async def test_a_store_that_lost_everything_grants_no_earlier_term(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take(granted_term=3)
        assert (taken.term, taken.base) == (3, 0)

    async def test_who_was_deposed_is_not_granted_again(self, archive: Archive) -> None:
        old, new = Holder(archive), Holder(archive)
        taken = await old.take()
        await old.append(1, final="killed")
        await new.take()
        for term in (1, 2, 9):
            assert (await old.take(granted_term=term)).term == taken.term
        assert (await new.append(1, entry())).outcome == "acked"

    @pytest.mark.parametrize("term", [1, 2])
    async def test_a_store_that_is_as_new_as_the_holder_did_not_go_back(
        self, archive: Archive, term: int
    ) -> None:
        first, living = Holder(archive), Holder(archive)
        await first.take()
        await first.append(1, final="killed")
        await living.take()
        with pytest.raises(CallTaken):
            await Holder(archive).take(granted_term=term)

    @pytest.mark.parametrize("term", [-1, 1 << 62])
    async def test_a_term_that_cannot_be_is_refused(self, archive: Archive, term: int) -> None:
        with pytest.raises(InvalidInput):
            await Holder(archive).take(granted_term=term)

    @pytest.mark.parametrize("step_s", STEPS_S)
    async def test_a_step_of_the_wall_clock_costs_nobody_who_renews_a_session(
        self, archive: Archive, clock: Advancing, step_s: float
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        for back in (1, -1):
            clock.step(step_s * back)
            for _ in range(6):
                with pytest.raises(CallTaken):
                    await Holder(archive).take()
                clock.advance(TTL_MS / 3_000)
                assert (await holder.append(1)).outcome == "acked"

    @pytest.mark.parametrize("step_s", STEPS_S)
    async def test_a_silent_host_is_lost_within_a_lease_whatever_its_wall_clock_was_set_to(
        self, archive: Archive, clock: Advancing, step_s: float
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        clock.step(step_s)
        await holder.append(1)
        clock.step(-step_s)
        with pytest.raises(CallTaken):
            await Holder(archive).take()
        clock.advance(TTL_MS / 1000 + 0.1)
        assert (await Holder(archive).take()).cause == "host_lost"
