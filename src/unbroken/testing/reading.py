"""What conversations promise to those who read them."""

from collections.abc import Sequence

import pytest

from unbroken.archive.port import Archive, WireEntry
from unbroken.errors import NotFound
from unbroken.log import entries
from unbroken.store.port import Conversations
from unbroken.testing.holders import ENV, Holder, entry, item
from unbroken.testing.order import OrderContract

RECOVERED = b'{"cause":"crashed","gap_ms":9,"crashes":1,"plan":"resume","report":{}}'


class ConversationsContract(OrderContract):
    """Needs `archive` and `conversations` of one store, and its `clock`."""

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
        items = await conversations.list_items(taken.conversation_id, limit=10)
        assert [m.turn_id for m, _ in items] == ["u0", "u1", "u1", "u1"]
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
            before = page[0].spot
        assert [name for page in pages for name in page] == [f"i{n}" for n in range(9)]
        assert [len(page) for page in pages] == [1, 4, 4]

    async def test_a_reply_in_which_its_agent_was_lost_names_the_takeover(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        first, second = Holder(archive), Holder(archive)
        await first.take()
        spoken_into = item("a1", "spoken into", after=None, role="assistant", interrupted=True)
        await first.append(1, spoken_into, final="crashed")
        taken = await second.take()
        await second.append(
            2,
            item("a2", "cut by the kill", after="a1", role="assistant", interrupted=True),
            item("u1", "What?", after="a2"),
            entry(RECOVERED, kind="recovered"),
            item("a3", "spoken into, too", after="u1", role="assistant", interrupted=True),
        )
        found = await conversations.list_messages(taken.conversation_id, limit=10)
        assert [m.takeover for m in found] == [None, 2, None, None]

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

    async def test_what_degrades_a_session_is_shown_until_it_is_cured(
        self, archive: Archive, conversations: Conversations
    ) -> None:
        holder, bad = Holder(archive), "the disk is full"
        taken = await holder.take()

        async def shown() -> str | None:
            (call,) = await conversations.list_calls(taken.conversation_id)
            return call.sessions[0].degraded

        assert await shown() is None
        for words in (bad, bad, None, bad):
            await holder.append(1, degraded=words)
            assert await shown() == words
        await holder.append(1, final="killed", degraded=bad)
        await Holder(archive).take()
        assert await shown() is None
        await holder.append(1, degraded=bad)
        assert await shown() is None

    async def test_an_unknown_conversation_is_not_found(self, conversations: Conversations) -> None:
        with pytest.raises(NotFound):
            await conversations.get_conversation(ENV.new_id())


def _said(low: int, high: int) -> Sequence[WireEntry]:
    return [
        item(f"i{n}", f"line {n}", after=f"i{n - 1}" if n > low else None) for n in range(low, high)
    ]
