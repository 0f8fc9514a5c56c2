"""What an item's `extra` holds: whatever an application or a plugin of a model put there."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from livekit.agents import Agent
from livekit.agents.llm import ChatMessage, FunctionCall

from tests.livekit.holders import Holder
from unbroken.livekit.state import items

RULES = [("", "You said {heard}.")]
CIRCLE: dict[str, Any] = {"kept": 1}
CIRCLE["self"] = CIRCLE
DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"in": DEEP}


def call(**extra: Any) -> FunctionCall:
    return FunctionCall(call_id="c1", name="look", arguments="{}", extra=extra)


@pytest.mark.parametrize(
    "extra",
    [
        {"google": {"thought_signature": b"\xff\x00"}},
        {"price": Decimal("1.50"), "at": datetime(2026, 1, 1, tzinfo=UTC), "seen": {1, 2}},
        {"pair": (1, None), "by": {7: "x"}, "big": 2**80},
        {"$tuple": [1], "$5": "$5", "a": {"$live": "x"}},
        {"lone": "\ud800"},
    ],
    ids=str,
)
def test_it_comes_back_with_its_types(extra):
    item = call(**extra)
    encoded = items.encode(item)
    assert items.decode([encoded]) == [item]
    assert not items.lacks(encoded)


def test_what_json_says_by_itself_is_itself():
    extra = {"b": [1, {"c": None}], "a": "x"}
    assert list(items.encode(call(**extra))["extra"].items()) == list(extra.items())


@pytest.mark.parametrize("extra", [{"a": {"b": [1]}}, {"a": {"b": [1]}, "sign": b"\xff"}], ids=str)
def test_what_is_written_does_not_change_with_the_item(extra):
    item = call(**extra)
    before = msgspec.json.encode(items.encode(item))
    encoded = items.encode(item)
    item.extra["a"]["b"].append(2)
    item.extra["new"] = True
    assert msgspec.json.encode(encoded) == before


@pytest.mark.parametrize(
    ("extra", "kept"),
    [({"it": object(), "n": 1}, {"n": 1}), (CIRCLE, {"kept": 1, "self": {"kept": 1}}), (DEEP, {})],
    ids=["an object", "a circle", "a deep one"],
)
def test_what_cannot_be_made_again_costs_itself(extra, kept):
    encoded = items.encode(call(**extra))
    assert items.decode([encoded])[0].extra == kept
    assert items.lacks(encoded)


async def killed_with(env, spool, item: Any) -> tuple[Holder, Holder]:
    holder = await Holder.first(env, spool, Agent(instructions="x"), RULES)
    await holder.say("one")
    holder.session.history.items.append(item)
    await holder.say("two")
    return holder, await holder.successor(Agent(instructions="x"))


def texts(holder: Holder) -> list[str]:
    return [i.text_content for i in holder.session.history.items if i.type == "message"]


async def test_what_is_said_behind_such_an_item_is_kept(env, spool):
    one, other = await killed_with(env, spool, call(sign=b"\xff"))
    assert other.session.history.items == one.session.history.items
    assert other.report["history"] == "exact"
    last = await other.successor(Agent(instructions="x"))
    assert last.report["history"] == "exact"
    for holder in (last, other, one):
        await holder.close()


async def test_an_object_of_its_process_is_named_and_what_is_behind_it_kept(env, spool):
    one, other = await killed_with(env, spool, call(it=object()))
    assert texts(other) == texts(one)
    assert other.report["history"] == "degraded: 1 items without objects of another process"
    await other.say("three")
    last = await other.successor(Agent(instructions="x"))
    assert last.report["history"] == "exact"
    for holder in (last, other, one):
        await holder.close()


async def test_an_item_that_nobody_can_read_is_not_called_exact(env, spool):
    broken = ChatMessage(role="user", content=["x"])
    broken.content = [object()]  # type: ignore[list-item]
    one, other = await killed_with(env, spool, broken)
    assert other.report["history"].startswith("degraded")
    for holder in (other, one):
        await holder.close()
