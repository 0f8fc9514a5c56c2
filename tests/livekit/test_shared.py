"""One object in several places of userdata and attributes: one again, or named in the report."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent

from tests.core.shapes import Line, Mood
from tests.livekit.test_userdata import hold

__all__ = ["hold"]


class Basket(list):
    """A list of the application's."""


@dataclass(eq=False)
class Mark:
    """May stand in a set."""

    n: int = 0


TEA, ROW, LIST, BASKET = Line("tea"), {"n": 1}, ["tea"], Basket(["tea"])
SHARED = [
    {"one": LIST, "two": LIST},
    {"one": [TEA], "two": {"it": TEA}},
    {"one": BASKET, "two": (BASKET,)},
    {"one": [ROW, ROW]},
    {"one": [{"in": [LIST]}, LIST], "two": {"a": LIST}},
    {"$one": {3: TEA}, "two": SimpleNamespace(line=TEA)},
]


def ids(value: Any) -> list[Any]:
    """Where which object stands, each with a number of its own."""
    known: dict[int, int] = {}

    def of(part: Any) -> Any:
        if isinstance(part, str | int | Mood):
            return part
        number = known.setdefault(id(part), len(known))
        inner = part.items() if isinstance(part, dict) else enumerate(part_of(part))
        return [number, [(key, of(one)) for key, one in inner]]

    return of(value)


def part_of(part: Any) -> Any:
    return vars(part).values() if hasattr(part, "__dict__") and not isinstance(part, list) else part


@pytest.mark.parametrize("fields", SHARED)
async def test_what_stood_in_several_places_is_one_object_again(hold, fields):
    first = await hold(fields)
    second = await hold.then(first, again := {})
    assert second.report["userdata"] == "exact"
    assert again == fields
    assert ids(again) == ids(fields)
    third = await hold.then(second, once_more := {})
    assert third.report["userdata"] == "exact"
    assert ids(once_more) == ids(fields)


@pytest.mark.parametrize("make", [SimpleNamespace])
async def test_fields_of_an_object_are_one_again(hold, make):
    second = await hold.then(await hold(make(one=LIST, two=[LIST])), again := make())
    assert second.report["userdata"] == "exact"
    assert again.one is again.two[0]


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
    assert again["one"] is not again["two"]


async def test_what_cannot_be_one_object_again_is_named(hold):
    mark = Mark(3)
    second = await hold.then(await hold({"all": {mark}, "last": mark}), again := {})
    assert again["last"].n == 3
    assert second.report["userdata"] == "degraded: all[-1] and last: one object before"


async def test_more_shared_objects_than_are_told_apart_are_named(hold):
    rows = [[n] for n in range(1_002)]
    second = await hold.then(await hold({"a": rows, "b": list(rows)}), again := {})
    assert second.report["userdata"] == "degraded: 2 more objects stood in several places"
    assert again["a"][0] is again["b"][0]


async def test_what_is_the_process_s_own_in_a_shared_object_is_named_in_both_places(hold):
    held = [object(), "tea"]
    second = await hold.then(await hold({"one": held, "two": held}), again := {})
    assert again == {"one": ["tea"], "two": ["tea"]}
    assert second.report["userdata"].endswith("of this process: one[0], two[0]")


class Waiter(Agent):
    """Holds what the userdata holds, as its class finds it, or not."""

    def __init__(self, session: Any = None) -> None:
        super().__init__(instructions="x")
        self.order = session.userdata["order"] if session else []
        self.last: Any = None


async def test_an_agent_holds_the_same_as_the_userdata_again(hold):
    first = await hold({"order": [TEA]}, Waiter())
    first.agent.order = first.session.userdata["order"]
    first.agent.last = first.agent.order[0]
    second = await hold.then(first, again := {}, Waiter())
    assert {value for field, value in second.report.items() if "Waiter" in field} == {"exact"}
    assert second.report["userdata"] == "exact"
    assert second.agent.order is again["order"]
    assert second.agent.last is again["order"][0]
    again["order"].append("milk")
    third = await hold.then(second, later := {}, Waiter())
    assert third.agent.order is later["order"]
    assert len(later["order"]) == 2


async def test_an_agent_that_holds_another_one_than_it_did_is_named(hold):
    mark = Mark(1)
    first = await hold({"all": {mark}}, Waiter())
    first.agent.last = mark
    second = await hold.then(first, {}, Waiter())
    told = "last and all[-1] of userdata: one object before"
    assert second.report["attributes of Waiter"] == f"degraded: {told}"


class Plain:
    """What many applications keep: a class of their own, without annotations."""

    def __init__(self) -> None:
        self.name = ""


@pytest.mark.parametrize("make", [dict, list, SimpleNamespace, Plain, Mark])
async def test_an_agent_holds_the_userdata_itself_again(hold, make):
    first = await hold(make(), Waiter())
    first.agent.last = {"all": first.session.userdata}
    second = await hold.then(first, again := make(), Waiter())
    assert second.agent.last["all"] is again
    assert second.report["attributes of Waiter"] == "exact"
    assert second.report["userdata"] == "exact"


async def test_agents_that_hold_one_another_all_come_back(hold):
    class Third(Waiter):
        pass

    class Second(Waiter):
        pass

    second, third = Second(), Third()
    second.last, third.order = third, ["tea"]
    first = await hold({"second": second, "tea": third.order}, Waiter())
    again = await hold.then(first, data := {}, Waiter(), agents=[Second, Third])
    assert data["second"].last.order == ["tea"]
    assert data["second"].last.order is data["tea"]
    assert set(again.report.values()) == {"exact"}
