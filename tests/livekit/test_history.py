"""`conversation_history` reads like a list, and its end costs nothing in a long call."""

import pytest

from tests.core.conftest import new_header
from unbroken.entries import ItemPut
from unbroken.live import Live
from unbroken.livekit.history import History


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


async def test_the_newest_message_is_found_without_a_walk(history):
    looked = []

    class Items(dict):
        def __getitem__(self, key):
            looked.append(key)
            return super().__getitem__(key)

    session = history._live.session
    session.items = Items(session.items)
    assert history[-1].content == "299"
    assert len(looked) == 1
