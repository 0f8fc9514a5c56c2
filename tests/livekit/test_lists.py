"""The history and the contexts, kept equal to the log at every moment of it."""

import asyncio
from itertools import count

import pytest
from livekit.agents.llm import ChatMessage, FunctionCall, FunctionCallOutput, ImageContent

from tests.core.conftest import new_header
from tests.livekit.test_contexts import Call
from unbroken.live.live import Live
from unbroken.live.mirror import Mirror, Put
from unbroken.live.tracked import DEPTH, ROLL, WINDOW, Recent, Tracked
from unbroken.livekit.state import fields, items
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log.entries import ItemPut

_moments = count(1)


def said(text, role="user", **more):
    return ChatMessage(role=role, content=[text], created_at=float(next(_moments)), **more)


def a_call(n):
    made = {"call_id": f"call {n}", "name": "look", "created_at": float(next(_moments))}
    yield FunctionCall(id=f"call {n}", arguments="{}", **made)
    yield FunctionCallOutput(id=f"output {n}", output="found", is_error=False, **made)


class Two:
    """A history and a context, and what is recorded of them."""

    def __init__(self, env, spool):
        self.live = Live.open(spool, new_header(env, spool))
        self.mirror = Mirror(self.live.session, items.CODEC)
        self.history, self.context = [], []
        self.alone = []  # what a part of the log had in the history and not in the context
        self.entries = 0

    def scan(self):
        for change in self.mirror.changes(self.history, "A", self.context):
            self.live.record(change.put if isinstance(change, Put) else change)
            self.entries += 1
            session = self.live.session
            held = {item["id"] for item in session.context("A")}
            both = {item.id for item in self.context} - held
            self.alone += [i for i in session.order if i in both]

    def assert_is_as_logged(self):
        session = self.live.session
        assert session.history == [items.encode(item) for item in self.history]
        assert session.context("A") == [items.encode(item) for item in self.context]

    def digests(self):
        return self.mirror.digests(self.history, {"A": self.context})


@pytest.fixture
async def two(env, spool):
    made = Two(env, spool)
    yield made
    await made.live.close("left")


async def test_no_part_of_the_log_has_an_output_in_the_history_alone(two):
    both = said("look it up")
    two.history.append(both)
    two.context += [said("you are the till", "system"), both]
    two.scan()
    first, second = list(a_call(1)), list(a_call(2))
    two.history += [said("handed over", "system"), *first]
    two.context += [said("only in the context", "system"), *first]
    two.scan()
    two.history += second
    two.context[1:1] = second
    two.scan()
    assert two.alone == []
    two.assert_is_as_logged()


async def test_a_turn_is_one_entry_for_each_item(two):
    for n in range(3):
        parts = [said(f"words {n}"), *a_call(n), said("an answer", "assistant")]
        two.history += parts
        two.context += parts
        two.scan()
    assert two.entries == len(two.history)
    two.assert_is_as_logged()


@pytest.mark.parametrize("place", [0, 100, 600])
async def test_an_edit_in_place_is_seen_by_one_look(two, place):
    two.history += [said(f"n{n}") for n in range(700)]
    two.context += two.history
    two.scan()
    assert two.mirror.look(two.history, {"A": two.context})
    two.history[place].content[0] = "other words"
    assert not two.mirror.look(two.history, {"A": two.context})
    two.scan()
    two.assert_is_as_logged()
    assert two.mirror.look(two.history, {"A": two.context})


async def test_an_edit_in_a_list_of_any_length_is_seen_within_its_length_of_looks(two):
    length = 2 * DEPTH + 10
    two.history += [said(f"n{n}") for n in range(length)]
    two.scan()
    two.history[length - WINDOW - 5].extra["mood"] = "glad"
    looks = [two.mirror.look(two.history, {}) for _ in range(3)]
    assert not all(looks)
    two.scan()
    two.history[3].interrupted = True
    assert not two.mirror.look(two.history, {}, is_whole=True)
    two.scan()
    two.assert_is_as_logged()


async def test_an_edit_in_a_short_list_is_seen_by_the_next_scan(two):
    two.history += [said(f"n{n}") for n in range(ROLL)]
    two.scan()
    two.history[0].content.append("more")
    two.scan()
    two.assert_is_as_logged()


async def test_a_look_does_not_read_more_of_a_longer_list():
    looked = []
    for length in (DEPTH, 5 * DEPTH):
        listed = [said(f"n{n}") for n in range(length)]
        read = []
        codec = type(items.CODEC)(
            items.encode, items.fingerprint, lambda i, r=read: (r.append(i), vars(i))[1]
        )
        tracked = Tracked(Recent(codec))
        tracked.record(0, listed)
        read.clear()
        assert tracked.look(listed)
        looked.append(len(read))
    assert looked == [DEPTH, DEPTH]


async def test_an_item_is_encoded_once_however_many_lists_it_is_in(env, spool):
    encoded = []
    live = Live.open(spool, new_header(env, spool))
    codec = type(items.CODEC)(
        lambda item: (encoded.append(item.id), items.encode(item))[1], items.fingerprint
    )
    mirror = Mirror(live.session, codec)
    both = [said("words")]
    for change in mirror.changes(both, "A", both):
        live.record(change.put if isinstance(change, Put) else change)
    mirror.digests(both, {"A": both})
    assert encoded == [both[0].id]
    await live.close("left")


class Odd:
    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


async def test_what_cannot_be_compared_or_holds_itself_counts_as_changed(two):
    round_one: dict = {}
    round_one["self"] = round_one
    two.history += [said("odd", extra={"is": Odd()}), said("round", extra={"is": round_one})]
    two.context += [said("picture"), said("look")]
    two.context[0].content.append(ImageContent(image="data:image/png;base64,iVBORw0KGgo="))
    tracked = Tracked(Recent(items.CODEC))
    tracked.record(0, two.history)
    two.history[0].extra["is"] = Odd()
    assert tracked.unchanged(two.history) == 0
    pictures = Tracked(Recent(items.CODEC))
    pictures.record(0, two.context)
    assert pictures.unchanged(two.context) == len(two.context)


async def test_an_id_that_stands_twice_costs_its_own_place(two):
    first, again = said("first"), said("again")
    two.history += [first, said("second"), first, said("third")]
    two.scan()
    two.history += [said("fourth"), again, again.model_copy(), said("fifth")]
    two.scan()
    words = [item["content"][0] for item in two.live.session.history]
    assert words == ["first", "second", "third", "fourth", "again", "fifth"]
    two.history[-1].content[0] = "fifth, again"
    del two.history[2]
    two.scan()
    words = [item["content"][0] for item in two.live.session.history]
    assert words == ["first", "second", "third", "fourth", "again", "fifth, again"]


async def test_a_list_that_no_log_can_hold_is_written_whole_once(env, spool):
    call = await Call(env, spool).start()
    await call.say("hello")
    call.session.history.items.append(call.session.history.items[-1])
    call.hooks.scan()
    assert "history is not stored as it is" in call.live.lag.degraded
    for text in ("one", "two", "three"):
        await call.say(text)
        call.hooks.scan()
    session = call.live.session
    assert session.notes[WRITTEN_WHOLE]["count"] == 1
    assert "history" in session.differing
    unique = list(dict.fromkeys(item.id for item in call.session.history.items))
    assert session.order == unique
    kept = {item.id: item for item in call.session.history.items}
    call.session.history.items[:] = [kept[i] for i in unique]
    call.hooks.scan()
    assert call.live.lag.degraded is None
    assert not session.differing
    await call.close()


async def test_an_edit_between_two_turns_is_in_the_log_by_itself(env, spool, monkeypatch):
    monkeypatch.setattr("unbroken.livekit.hooks.LOOK_S", 0.01)
    call = await Call(env, spool).start()
    for n in range(ROLL + WINDOW):
        call.session.history.items.append(said(f"n{n}"))
    call.hooks.scan()
    call.session.history.items[2].content = ["other words"]
    for _ in range(200):
        await asyncio.sleep(0.01)
        if call.live.session.history[2]["content"] == ["other words"]:
            break
    assert call.live.session.history[2]["content"] == ["other words"]
    assert not call.live.session.differing
    await call.close()


async def test_the_end_of_a_call_looks_at_all_of_it(env, spool):
    call = await Call(env, spool).start()
    call.session.history.items[:0] = [said(f"n{n}") for n in range(10 * ROLL)]
    call.hooks.scan()
    call.session.history.items[7].content = ["other words"]
    call.session.history.items[200].content = ["more words"]
    await call.close()
    words = [item["content"] for item in call.live.session.history if "content" in item]
    assert ["other words"] in words
    assert ["more words"] in words


async def test_a_scan_that_finds_nothing_makes_no_digests(env, spool, monkeypatch):
    call = await Call(env, spool).start()
    await call.say("hello")
    call.hooks.scan()
    made = []
    digests = fields.digests
    monkeypatch.setattr(fields, "digests", lambda *given: (made.append(1), digests(*given))[1])
    appended = call.live.journal.appended
    call.hooks.scan()
    assert made == []
    assert call.live.journal.appended == appended
    await call.session.current_agent.update_instructions("Other ones.")
    call.hooks.scan()
    assert made == [1]
    assert not call.live.session.differing
    await call.close()


async def test_an_edit_of_the_history_leaves_a_copy_in_a_context_as_it_is(two):
    two.history += [said("first"), said("second")]
    two.context += two.history
    two.scan()
    copies = [item.model_copy(deep=True) for item in two.context]
    edited = items.encode(two.history[0]) | {"content": ["edited"]}
    two.live.record(ItemPut(edited))
    for piece in two.mirror.apart(edited["id"], "A", copies):
        two.live.record(piece)
    assert two.live.session.history[0] == edited
    assert two.live.session.context("A") == [items.encode(item) for item in copies]


@pytest.mark.parametrize("behind", [0, 2])
async def test_a_copy_that_stays_as_it_was_is_kept_apart_from_an_edit(env, spool, behind):
    call = await Call(env, spool).start()
    await call.say("hello")
    agent = call.session.current_agent
    context = agent.chat_ctx.copy()
    at = next(n for n, i in enumerate(context.items) if getattr(i, "role", "") == "user")
    context.items[at] = context.items[at].model_copy(deep=True)
    await agent.update_chat_ctx(context)
    shared = call.session.history.get_by_id(context.items[at].id)
    shared.content.append("more")
    for n in range(behind):
        agent._chat_ctx.items.append(said(f"behind {n}"))
    call.hooks.scan()
    session = call.live.session
    assert WRITTEN_WHOLE not in session.notes
    encoded = [items.encode(item) for item in agent.chat_ctx.items]
    assert session.context(call.hooks.key_of(agent)) == encoded
    await call.close()
