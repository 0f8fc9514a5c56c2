"""The promises of an archive and of conversations, as tests.

Subclass a contract, give it an `archive` (and `conversations`) fixture and the `clock` by which
the store measures leases, and pytest does the rest:

    class TestMyArchive(ArchiveContract):
        @pytest.fixture
        async def archive(self, clock: Clock):
            async with MyStore.open(..., env=clock) as store:
                clock.advance(LISTENED_S)
                yield store.archive
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import pytest

from unbroken import entries
from unbroken.archive import (
    PAYLOAD_BYTES_MAX,
    Archive,
    Taken,
    WireEntry,
    WireMark,
)
from unbroken.conversation import Conversations
from unbroken.errors import CallTaken, NotFound
from unbroken.testing.holders import ENV, TTL_MS, Holder, entry, item, numbered, payloads


class Advancing(Protocol):
    def advance(self, seconds: float) -> None: ...


async def log_of(archive: Archive, holder: Holder, room: str = "room") -> Taken:
    """The whole log as a successor gets it; ends the term of `holder`."""
    assert (await holder.append(1, final="killed")).outcome == "acked"
    return await Holder(archive).take(room)


class ArchiveContract:
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

    async def test_entries_come_back_as_they_were(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        sent = [entry(bytes(range(256))), entry(b""), entry(b"x" * PAYLOAD_BYTES_MAX)]
        assert (await holder.append(1, *sent)).seq == 3
        taken = await log_of(archive, holder)
        assert payloads(taken) == [e.payload for e in sent]
        assert [(e.seq, e.term, e.kind) for e in taken.entries] == [
            (n, 1, "note") for n in (1, 2, 3)
        ]

    async def test_what_is_sent_again_is_confirmed_and_stored_once(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        sent = numbered(1, 5)
        for low, high in ((1, 3), (1, 3), (2, 5), (1, 5)):
            answer = await holder.append(low, *sent[low - 1 : high])
            assert answer.outcome == "acked"
        assert payloads(await log_of(archive, holder)) == [e.payload for e in sent]

    async def test_an_empty_batch_is_answered_with_the_head(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 4))
        answer = await holder.append(5)
        assert (answer.outcome, answer.seq) == ("acked", 4)

    async def test_a_gap_is_named_and_nothing_of_it_is_stored(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 2))
        answer = await holder.append(4, *numbered(4, 5))
        assert (answer.outcome, answer.seq) == ("gap", 2)
        assert (await holder.append(3, *numbered(3, 5))).seq == 5

    async def test_late_entries_of_an_old_holder_stay_out_of_the_log(
        self, archive: Archive
    ) -> None:
        old, new = Holder(archive), Holder(archive)
        await old.take()
        await old.append(1, *numbered(1, 2), final="killed")
        await new.take()
        await new.append(3, entry(b"new"))
        answer = await old.append(2, *numbered(2, 4))
        assert (answer.outcome, answer.seq) == ("fenced", 2)
        taken = await log_of(archive, new)
        assert payloads(taken) == [e.payload for e in numbered(1, 2)] + [b"new"]

    async def test_until_somebody_takes_an_orphans_entries_are_accepted(
        self, archive: Archive
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        await holder.append(1, *numbered(1, 1), final="killed")
        assert (await holder.append(2, *numbered(2, 2))).outcome == "acked"
        assert (await Holder(archive).take()).base == 2

    async def test_one_batch_may_name_both_holders_of_a_session(self, archive: Archive) -> None:
        old, new = Holder(archive), Holder(archive)
        await old.take()
        await old.append(1, *numbered(1, 2), final="killed")
        await new.take()
        answers = await new.send(old.batch(2, *numbered(2, 3)), new.batch(3, entry(b"new")))
        assert [(a.outcome, a.seq) for a in answers] == [("fenced", 2), ("acked", 3)]

    async def test_the_last_batch_and_its_end_are_one_step(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, *numbered(1, 3), final="killed")).outcome == "acked"
        taken = await Holder(archive).take()
        assert (taken.base, taken.cause) == (3, "killed")

    async def test_a_last_batch_with_a_gap_ends_nothing(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(2, *numbered(2, 3), final="killed")).outcome == "gap"
        with pytest.raises(CallTaken):
            await Holder(archive).take()

    async def test_one_bad_session_does_not_block_another(self, archive: Archive) -> None:
        good, bad = Holder(archive), Holder(archive)
        await good.take("good")
        await bad.take("bad")
        large = entry(b"x" * (PAYLOAD_BYTES_MAX + 1))
        answers = await good.send(bad.batch(1, large), good.batch(1, entry()), bad.batch(0))
        assert [(a.outcome, a.code) for a in answers] == [
            ("refused", "payload_too_large"),
            ("acked", None),
            ("refused", "bad_first"),
        ]

    async def test_too_many_entries_are_refused(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        answer = await holder.append(1, *numbered(1, 501))
        assert (answer.outcome, answer.code) == ("refused", "too_many_entries")

    async def test_a_session_that_nobody_knows_is_unknown(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        answer = await holder.append(1, entry(), session_id=ENV.new_id())
        assert answer.outcome == "unknown"

    async def test_a_holder_that_never_took_is_unknown(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, entry(), holder=ENV.new_id())).outcome == "unknown"
        assert (await holder.append(1, entry(), term=7)).outcome == "unknown"

    async def test_an_ended_session_takes_no_more(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        assert (await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))).seq == 1
        answer = await holder.append(1, *numbered(1, 2))
        assert (answer.outcome, answer.seq) == ("ended", 1)

    async def test_the_newest_mark_is_given_to_the_successor(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        for mark in (WireMark(1, 20, b"half"), WireMark(1, 10, b"older")):
            await holder.append(1, *numbered(1, 1), mark=mark)
        assert (await log_of(archive, holder)).mark == WireMark(1, 20, b"half")

    async def test_a_mark_that_was_dropped_is_gone(self, archive: Archive) -> None:
        holder = Holder(archive)
        await holder.take()
        for mark in (WireMark(0, 10, b"half"), WireMark(0, 20, b"")):
            await holder.append(1, mark=mark)
        assert (await log_of(archive, holder)).mark is None

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


class ConversationsContract:
    """Needs `archive` and `conversations` of one store."""

    async def test_what_was_said_is_listed_in_order(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(
            1,
            item("u1", "hello", after=None),
            item("a2", "two", after="a1", role="assistant"),
            item("a1", "one", after="u1", role="assistant", interrupted=True),
            item("u0", "before", after=None),
        )
        found = await conversations.list_messages(taken.conversation_id, limit=10)
        assert [m.id for m in found] == ["u0", "u1", "a1", "a2"]
        assert [m.turn_id for m in found] == ["u0", "u1", "u1", "u1"]
        assert [(m.role, m.content, m.interrupted) for m in found[1:3]] == [
            ("user", "hello", False),
            ("assistant", "one", True),
        ]

    async def test_an_item_that_is_put_again_keeps_its_place(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, item("a", "one", after=None), item("b", "two", after="a"))
        await holder.append(3, item("a", "changed", after="b"))
        found = await conversations.list_messages(taken.conversation_id, limit=10)
        assert [(m.id, m.content) for m in found] == [("a", "changed"), ("b", "two")]

    async def test_removed_items_are_gone(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        removed = entry(b'{"ids":["a","nobody"]}', kind="items_removed")
        await holder.append(1, item("a", "1", after=None), item("b", "2", after="a"), removed)
        found = await conversations.list_messages(taken.conversation_id, limit=10)
        assert [m.id for m in found] == ["b"]

    async def test_pages_go_back_through_all_calls(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        first, second = Holder(archive), Holder(archive)
        taken = await first.take("one")
        await first.append(1, *_said(0, 5))
        await second.take("two", conversation_id=taken.conversation_id)
        await second.append(1, *_said(5, 9))
        pages: list[list[str]] = []
        before = None
        while page := await conversations.list_messages(
            taken.conversation_id, limit=4, before=before
        ):
            pages.insert(0, [m.id for m in page])
            before = (page[0].session_id, page[0].place)
        assert [name for page in pages for name in page] == [f"i{n}" for n in range(9)]
        assert [len(page) for page in pages] == [1, 4, 4]

    async def test_tools_are_left_out_unless_asked_for(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        call = {"id": "f", "type": "function_call", "name": "book", "arguments": "{}"}
        payload, _ = entries.encode(entries.ItemPut(item=call, after="a"))
        await holder.append(1, item("a", "1", after=None), entry(payload, kind="item"))
        find = conversations.list_messages
        assert [m.id for m in await find(taken.conversation_id, limit=9)] == ["a"]
        found = await find(taken.conversation_id, limit=9, spoken_only=False)
        assert [(m.role, m.content) for m in found[1:]] == [("function_call", "book({})")]

    async def test_a_conversation_is_summed_up(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take(user_id="ann")
        await holder.append(
            1,
            item("u", "Where is\nmy order?", after=None),
            item("a", "On its way.", after="u", role="assistant"),
        )
        found = await conversations.get_conversation(taken.conversation_id)
        assert (found.title, found.user_id) == ("Where is my order?", "ann")
        assert (found.calls, found.messages, found.is_live) == (1, 2, True)
        assert found.last_message == "On its way."
        await holder.append(3, final="killed")
        assert not (await conversations.get_conversation(taken.conversation_id)).is_live

    async def test_conversations_are_listed_newest_first_in_pages(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        made = [(await Holder(archive).take(f"room {n}")).conversation_id for n in range(5)]
        page = await conversations.list_conversations(limit=3)
        last = page[-1]
        rest = await conversations.list_conversations(limit=3, before=(last.last_at_us, last.id))
        assert [c.id for c in page + rest] == made[::-1]

    async def test_calls_and_their_sessions_are_listed(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder = Holder(archive)
        taken = await holder.take()
        await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))
        (call,) = await conversations.list_calls(taken.conversation_id)
        (session,) = call.sessions
        assert (call.id, call.room_name, call.end_reason) == (taken.call_id, "room", "done")
        assert call.ended_at_us is not None
        assert (session.id, session.phase, session.last_seq) == (taken.session_id, "ended", 1)

    async def test_an_unknown_conversation_is_not_found(self, conversations: Conversations) -> None:
        with pytest.raises(NotFound):
            await conversations.get_conversation(ENV.new_id())


def _said(low: int, high: int) -> Sequence[WireEntry]:
    return [
        item(f"i{n}", f"line {n}", after=f"i{n - 1}" if n > low else None) for n in range(low, high)
    ]
