"""Each utterance once, however many ways report it, in whatever order."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.conftest import new_header
from unbroken.live.live import Live
from unbroken.log.entries import text_of
from unbroken.log.session import is_spoken

WAYS = ("livekit", "history", "turn")


def report(live: Live, way: str, role: str, text: str, number: int) -> None:
    if way == "livekit":
        item = {"id": f"lk_{number}_{role}", "type": "message", "role": role, "content": [text]}
        after = live.session.order[-1] if live.session.order else None
        live.report(way, item, after=after)
    else:
        live.say(way, role, text, extra={})


def spoken(live: Live) -> list[tuple[str, str]]:
    return [(i["role"], text_of(i)) for i in live.session.history if is_spoken(i)]


@pytest.mark.parametrize("order", list(itertools.permutations(WAYS)))
async def test_three_ways_in_any_order_make_one_line(spool, env, order):
    live = Live.open(spool, new_header(env, spool))
    for number, text in enumerate(["Yes.", "yes", "Yes!"]):
        for way in order:
            report(live, way, "user", text, number)
    assert len(spoken(live)) == 3
    if "livekit" in order:
        assert all(item["id"].startswith("lk_") for item in live.session.history)
    await live.close("left")


async def test_a_reply_that_was_cut_is_the_one_that_was_written(spool, env):
    live = Live.open(spool, new_header(env, spool))
    live.say("history", "assistant", "It is sunny today, and tomorrow too.", extra={})
    report(live, "livekit", "assistant", "It is sunny", 1)
    live.say("turn", "assistant", "It is sunny today, and tomorrow too.", extra={})
    assert spoken(live) == [("assistant", "It is sunny")]
    await live.close("left")


def cut(live: Live, text: str, number: int, **generated: str) -> None:
    item = {"id": f"lk_{number}", "type": "message", "role": "assistant", "content": [text]}
    live.report("livekit", item | {"interrupted": True}, after=None, **generated)


async def test_what_the_model_wrote_tells_which_reply_was_cut(spool, env):
    live = Live.open(spool, new_header(env, spool))
    cut(live, "OK", 1, generated="OK, let me see what is free.")
    live.say("history", "assistant", "OK: https://shop.example/42", extra={})
    live.say("history", "assistant", "OK, let me see", extra={})
    live.say("turn", "assistant", "OK, let me see what is free.", extra={})
    assert sorted(spoken(live)) == [
        ("assistant", "OK"),
        ("assistant", "OK: https://shop.example/42"),
    ]
    await live.close("left")


async def test_a_line_that_begins_like_another_is_another_line(spool, env):
    live = Live.open(spool, new_header(env, spool))
    live.say("history", "assistant", "OK", extra={})
    for number, text in enumerate(("OK, let me see.", "Yes.")):
        item = {"id": f"lk_{number}", "type": "message", "role": "assistant", "content": [text]}
        live.report("livekit", item | {"interrupted": False}, after=live.session.order[-1])
    live.say("history", "assistant", "Yes: https://shop.example/42", extra={})
    texts = ["OK", "OK, let me see.", "Yes.", "Yes: https://shop.example/42"]
    assert spoken(live) == [("assistant", text) for text in texts]
    await live.close("left")


async def test_other_words_are_another_line(spool, env):
    live = Live.open(spool, new_header(env, spool))
    live.say("history", "user", "one", extra={})
    live.say("turn", "user", "two", extra={})
    report(live, "livekit", "assistant", "one", 1)
    assert len(spoken(live)) == 3
    await live.close("left")


@given(st.data())
async def test_any_interleaving_of_two_turns(data):
    from unbroken.log.utterance import Utterances  # noqa: PLC0415

    known, lines = Utterances(), 0
    texts = ["yes", "yes", "no"]
    queues = {way: list(texts) for way in WAYS}
    while any(queues.values()):
        way = data.draw(st.sampled_from([w for w in WAYS if queues[w]]))
        text = queues[way].pop(0)
        if known.claim(way, "user", text) is None:
            known.add(way, f"{way}{lines}", "user", text)
            lines += 1
    assert lines == len(texts)
