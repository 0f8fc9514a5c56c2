"""`conversation_history` reads like a list, and its end costs nothing in a long call."""

import pytest

from tests.core.conftest import new_header
from unbroken.live.live import Live
from unbroken.livekit.history import History
from unbroken.log.entries import ItemPut, ItemsRemoved


@pytest.fixture
async def history(env, spool):
    live = Live.open(spool, new_header(env, spool))
    live.record(ItemPut({"id": "x", "type": "function_call"}))  # not said: not in the list
    for number in range(300):
        live.say("test", "user" if number % 2 else "assistant", str(number), extra={})
    yield History(live)
    await live.close("left")


async def test_it_reads_like_a_list(history):
    said = [str(number) for number in range(300)]
    assert [message.content for message in history] == said
    for index in (0, 1, 299, -1, -2, -300):
        assert history[index].content == said[index]
    assert [message.content for message in history[-3:]] == said[-3:]
    assert len(history) == 300
    for index in (300, -301):
        with pytest.raises(IndexError):
            history[index]


class Looked(dict):
    """Counts what is looked at."""

    count = 0

    def __getitem__(self, key):
        self.count += 1
        return super().__getitem__(key)


async def test_nobody_walks_through_a_long_call_for_a_part_of_it(history):
    session = history._live.session
    items = session.items = Looked(session.items)
    reads = {
        1: lambda: [history[-1]],
        3: lambda: history[-3:],
        300: lambda: list(history),
        301: lambda: [history[n] for n in range(len(history))] + [history[0]],
        302: lambda: [*reversed(history), *history[:2]],
    }
    for count, read in reads.items():
        items.count = 0
        assert len(read()) == items.count == count


async def test_a_message_of_this_call_is_not_appended_again(history):
    for message in history:
        history.append(message)
    assert len(history) == 300


async def test_a_message_that_came_in_between_stands_in_its_place(history):
    live = history._live
    fifth = history[5].id
    live.record(ItemPut({"id": "n", "type": "message", "role": "user", "content": ["new"]}, fifth))
    assert [message.content for message in history[4:8]] == ["4", "5", "new", "6"]
    live.record(ItemPut({"id": "n", "type": "message", "role": "system", "content": ["new"]}))
    assert [message.content for message in history[4:7]] == ["4", "5", "6"]
    live.record(ItemPut({"id": "n", "type": "message", "role": "user", "content": ["new"]}))
    live.record(ItemsRemoved(("n", fifth)))
    assert [message.content for message in history[4:7]] == ["4", "6", "7"]
