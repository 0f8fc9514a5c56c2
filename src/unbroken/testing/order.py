"""What conversations promise of the order of their lines: that in which they were heard."""

import random
from uuid import UUID

import pytest

from unbroken.archive.port import Archive, WireEntry
from unbroken.store.port import Conversations
from unbroken.store.records import Message
from unbroken.testing.holders import Clock, Holder, entry

HOUR_S = 3_600
SKEWS_S = (-80 * 365 * 24 * HOUR_S, -HOUR_S, -5.0, 0.0, 5.0, HOUR_S, 400 * 24 * HOUR_S)


async def texts(conversations: Conversations, conversation_id: UUID, limit: int = 100) -> list[str]:
    found = await conversations.list_messages(conversation_id, limit=limit)
    return [message.content for message in found]


async def pages(conversations: Conversations, conversation_id: UUID, size: int) -> list[Message]:
    """All lines, read from the end."""
    found: list[Message] = []
    before = None
    while page := await conversations.list_messages(conversation_id, limit=size, before=before):
        found, before = page + found, page[0].spot
    return found


async def two_roles(
    archive: Archive, clock: Clock, *, ahead_s: float, one_host: bool = False
) -> tuple[Holder, Holder, UUID]:
    """Two roles in one call, on hosts whose clocks differ. The hosts have been heard of."""
    first = Holder(archive, clock=clock)
    host_id = first.host_id if one_host else None
    second = Holder(archive, clock=clock, host_id=host_id, ahead_s=ahead_s)
    taken = await first.take(role="interviewer")
    await second.take(role="observer")
    for holder in (first, second):
        await holder.append(1)
    return first, second, taken.conversation_id


class OrderContract:
    """Needs `archive` and `conversations` of one store, and its `clock`."""

    @pytest.mark.parametrize("one_host", [True, False])
    async def test_lines_of_two_roles_stand_as_they_were_heard(
        self, archive: Archive, conversations: Conversations, clock: Clock, one_host: bool
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=0, one_host=one_host)
        said = []
        for n in range(6):
            clock.advance(0.5)
            await (first, second)[n % 2].say(f"line {n}")
            said.append(f"line {n}")
            assert await texts(conversations, name, limit=2) == said[-2:]
            assert (await conversations.get_conversation(name)).last_message == said[-1]
        assert await texts(conversations, name) == said

    @pytest.mark.parametrize("ahead_s", SKEWS_S)
    async def test_a_hosts_wrong_clock_moves_no_line(
        self, archive: Archive, conversations: Conversations, clock: Clock, ahead_s: float
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=ahead_s)
        for n in range(6):
            clock.advance(1)
            await (first, second)[n % 2].say(f"line {n}")
        assert await texts(conversations, name) == [f"line {n}" for n in range(6)]
        (listed,) = await conversations.list_conversations(limit=9)
        assert listed.last_message == "line 5"

    @pytest.mark.parametrize("ahead_s", SKEWS_S)
    async def test_the_next_calls_lines_stand_behind(
        self, archive: Archive, conversations: Conversations, clock: Clock, ahead_s: float
    ) -> None:
        first = Holder(archive, clock=clock)
        name = (await first.take("one")).conversation_id
        await first.say("call one")
        clock.advance(1)
        second = Holder(archive, clock=clock, ahead_s=ahead_s)
        await second.take("two", conversation_id=name)
        await second.say("call two")
        assert await texts(conversations, name) == ["call one", "call two"]
        assert await texts(conversations, name, limit=1) == ["call two"]
        assert (await conversations.get_conversation(name)).last_message == "call two"

    @pytest.mark.parametrize("ahead_s", SKEWS_S)
    async def test_a_successor_on_another_host_goes_on_behind(
        self, archive: Archive, conversations: Conversations, clock: Clock, ahead_s: float
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=0)
        await first.say("one")
        await second.say("two")
        await first.append(2, final="killed")
        clock.advance(1)
        successor = Holder(archive, clock=clock, ahead_s=ahead_s)
        await successor.take(role="interviewer")
        successor.said, successor.last = 1, "one"
        await successor.say("three")
        clock.advance(1)
        await second.say("four")
        assert await texts(conversations, name) == ["one", "two", "three", "four"]

    async def test_what_comes_late_stands_where_it_was_heard(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=-HOUR_S)
        kept = []
        for n in range(6):
            clock.advance(1)
            if n % 2:
                kept.append(second.line(f"line {n}"))  # its host does not reach the service
            else:
                await first.say(f"line {n}")
        clock.advance(300)
        await second.append(1, *kept)
        assert await texts(conversations, name) == [f"line {n}" for n in range(6)]

    async def test_a_batch_that_was_long_under_way_moves_no_line(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=HOUR_S)
        for n in range(4):
            slow = second.line(f"line {2 * n}")
            clock.advance(0.4)
            await first.say(f"line {2 * n + 1}")
            clock.advance(0.4)
            second.ahead_s -= 0.8  # it was sent then
            await second.append(n + 1, slow)
            second.ahead_s += 0.8
        assert await texts(conversations, name) == [f"line {n}" for n in range(8)]

    async def test_a_page_that_was_read_stays_as_it_was(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=HOUR_S)
        for n in range(8):
            clock.advance(1)
            await (first, second)[n % 2].say(f"line {n}")
        page = await conversations.list_messages(name, limit=3)
        changed = first.line("line 6")  # the same item again, at another time
        await first.append(first.said, changed)
        clock.advance(1)
        await second.say("line 8")
        rest = await conversations.list_messages(name, limit=9, before=page[0].spot)
        assert [m.content for m in rest + page] == [f"line {n}" for n in range(8)]
        assert await texts(conversations, name) == [f"line {n}" for n in range(9)]

    async def test_a_reply_stands_where_it_began(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        """It is recorded when it has been heard, and another role spoke meanwhile."""
        first, second, name = await two_roles(archive, clock, ahead_s=-5)
        reply = first.line("a long reply")
        clock.advance(20)
        await second.say("a word in between")
        clock.advance(20)
        recorded = type(reply)(reply.kind, first.now_us(), reply.flags, reply.payload)
        await first.append(1, recorded)
        assert await texts(conversations, name) == ["a long reply", "a word in between"]

    async def test_a_time_that_cannot_be_is_the_nearest_that_can(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=0)
        for n, wrong_s in enumerate((HOUR_S, -HOUR_S, 1e9, -1e9)):
            first.ahead_s = wrong_s
            said = first.line(f"line {2 * n}")
            first.ahead_s = 0
            assert (await first.append(n + 1, said)).outcome == "acked"
            clock.advance(1)
            await second.say(f"line {2 * n + 1}")
            clock.advance(1)
        found = await texts(conversations, name)
        assert [t for t in found if t in ("line 0", "line 2", "line 4", "line 6")] == [
            f"line {n}" for n in (0, 2, 4, 6)
        ]
        assert found[-1] == "line 7"
        assert all(m.heard_at_us <= clock.now_us() for m in await pages(conversations, name, 3))

    @pytest.mark.parametrize("step_s", [-400 * 24 * HOUR_S, -HOUR_S, -5, 5, HOUR_S])
    async def test_a_step_of_the_stores_clock_moves_no_line(
        self, archive: Archive, conversations: Conversations, clock: Clock, step_s: float
    ) -> None:
        first, second, name = await two_roles(archive, clock, ahead_s=0)
        for n in range(6):
            clock.advance(1)
            await (first, second)[n % 2].say(f"line {n}")
            if n == 2:
                clock.step(step_s)
        assert await texts(conversations, name) == [f"line {n}" for n in range(6)]

    async def test_a_call_after_a_step_back_stands_behind(
        self, archive: Archive, conversations: Conversations, clock: Clock
    ) -> None:
        first = Holder(archive, clock=clock)
        name = (await first.take("one")).conversation_id
        await first.say("call one")
        await first.append(2, _end())
        clock.step(-HOUR_S)
        second = Holder(archive, clock=clock)
        await second.take("two", conversation_id=name)
        await second.say("call two")
        await second.say("and on")
        assert await texts(conversations, name) == ["call one", "call two", "and on"]

    @pytest.mark.parametrize("seed", range(8))
    async def test_however_clocks_differ_each_line_is_there_once_and_in_order(
        self, archive: Archive, conversations: Conversations, clock: Clock, seed: int
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - the same at every run
        holders = []
        name = None
        for n in range(4):
            holder = Holder(archive, clock=clock, ahead_s=rng.choice(SKEWS_S))
            taken = await holder.take(role=f"role {n}")
            await holder.append(1)
            holders.append(holder)
            name = taken.conversation_id
        assert name is not None
        said = []
        for n in range(40):
            clock.advance(rng.uniform(0.1, 20))
            await rng.choice(holders).say(f"line {n}")
            said.append(f"line {n}")
        assert await texts(conversations, name) == said
        assert [m.content for m in await pages(conversations, name, rng.randint(1, 7))] == said


def _end() -> WireEntry:
    return entry(b'{"reason":"done"}', kind="ended")
