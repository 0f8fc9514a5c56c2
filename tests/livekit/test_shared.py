"""One object in two fields of userdata: shared again, or named in the report."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.core.shapes import Line, Mood
from tests.livekit.test_userdata import hold

__all__ = ["hold"]


class Basket(list):
    """A list of the application's."""


TEA, ROW, LIST, BASKET = Line("tea"), {"n": 1}, ["tea"], Basket(["tea"])
BOTH = "one and two: one object before"
SHARED = [
    ({"one": LIST, "two": LIST}, BOTH),
    ({"one": [TEA], "two": {"it": TEA}}, BOTH),
    ({"one": BASKET, "two": (BASKET,)}, BOTH),
    ({"one": [ROW, ROW]}, "one: one object before"),
]


@pytest.mark.parametrize("make", [dict, SimpleNamespace])
@pytest.mark.parametrize(("fields", "said"), SHARED)
async def test_what_two_fields_shared_and_do_not_any_more_is_named(hold, make, fields, said):
    first = await hold(make(**fields))
    second = await hold.then(first, again := make())
    assert second.report["userdata"] == f"degraded: {said}"
    assert (again if make is dict else vars(again)) == fields
    third = await hold.then(second, make())
    assert third.report["userdata"] == "exact"  # they were several by then


async def test_what_this_process_shares_too_is_shared_again(hold):
    def make() -> Any:
        lines: list[str] = []
        return {"one": lines, "two": lines}

    data = make()
    data["one"].append("tea")
    second = await hold.then(await hold(data), again := make())
    assert second.report["userdata"] == "exact"
    again["one"].append("milk")
    assert again["two"] == ["tea", "milk"]


async def test_what_stopped_being_shared_or_cannot_be_changed_is_exact(hold):
    lines, pair, mood = ["tea"], (1, "x"), Mood.GOOD
    first = await hold({"one": lines, "two": lines, "a": pair, "b": [pair], "c": mood, "d": mood})
    first.hooks.scan()
    first.session.userdata["two"] = ["tea"]
    second = await hold.then(first, again := {})
    assert second.report["userdata"] == "exact"
    assert again == first.session.userdata
