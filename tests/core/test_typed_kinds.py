"""Kinds of values that are more than JSON says: defaults of dicts, zones, subclasses."""

from array import array
from collections import ChainMap, Counter, UserDict, UserList, UserString, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from queue import Queue
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from tests.core.shapes import Line, is_same
from unbroken import typed
from unbroken.typed import Decoder


class Window(deque[Any]):
    """The last few of something."""


class Moving(tzinfo):
    """A zone of an application's own."""

    def utcoffset(self, _at: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def dst(self, _at: datetime | None) -> timedelta:
        return timedelta(0)


@dataclass
class Cart:
    by_day: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Basket(list[str]):
    """A list with attributes of its own."""

    def __init__(self, owner: str = "") -> None:
        super().__init__()
        self.owner, self.notes = owner, {1: Line("tea")}


class Slotted(dict[str, int]):
    __slots__ = ("owner",)
    owner: str


class Code(str):  # noqa: SLOT000 - as people write it
    note: Any


class Order(BaseModel):
    not_durable: ClassVar[Any] = ("own",)
    model_config = ConfigDict(extra="allow")
    what: str = ""
    n: int = 1
    own: str = ""
    _seen: int = PrivateAttr(default=0)


class FrozenOrder(BaseModel):
    model_config = ConfigDict(frozen=True)
    what: str = ""
    n: int = 1


class Members(UserDict[str, Any]):
    def __init__(self, owner: str = "") -> None:
        super().__init__()
        self.owner = owner


def nothing(name: str, _old: Any) -> Any:
    raise KeyError(name)


def decoder() -> Decoder:
    return Decoder(nothing, lambda _: None)


def through_the_log(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(typed.encode(value), order="sorted"))


@pytest.mark.parametrize("factory", [list, int, dict, Counter, Line, None])
def test_a_dict_keeps_its_default(factory):
    value = {"by": defaultdict(factory, a=1)}
    found = decoder()
    again = found.of(through_the_log(value), ())
    assert found.problems == []
    assert is_same(again, value)


def test_a_default_that_is_a_function_is_that_of_the_dict_which_is_there():
    mine = lambda: [0]  # noqa: E731 - as people write it
    there = {"by": defaultdict(mine)}
    found = decoder()
    found.of(through_the_log({"by": defaultdict(lambda: [1], a=[1])}), (), old=there)
    assert there["by"] == {"a": [1]}
    assert there["by"].default_factory is mine
    assert found.problems == []


def test_where_none_is_there_it_is_named():
    found = decoder()
    again = found.of(through_the_log({"by": defaultdict(lambda: [1], a=[1])}), ())
    assert again == {"by": {"a": [1]}}
    assert [str(problem) for problem in found.problems] == ["by: made without its default_factory"]


def test_it_is_named_again_when_what_was_made_is_put_back_a_second_time():
    saved, first, second = through_the_log({"by": defaultdict(lambda: [1])}), decoder(), decoder()
    second.of(saved, (), old=first.of(saved, ()))
    assert list(map(str, second.problems)) == list(map(str, first.problems))


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "no.such", "", 7])
def test_a_default_is_nothing_but_the_class_of_a_value(name):
    found = decoder()
    saved = {"$as": "collections.defaultdict", "$of": {"a": 1}, "default": name}
    again = found.of([saved], ())
    assert all(type(one).__name__ != "Popen" for one in again)
    assert [one.default_factory for one in again] in ([], [None])
    assert found.problems


def test_a_default_of_a_record_that_is_there_is_kept_with_what_it_has():
    cart = Cart()
    cart.by_day["mon"].append("tea")
    saved, here = through_the_log(cart), Cart()
    decoder().of(saved, (), old=here)
    here.by_day["tue"].append("milk")
    assert here.by_day == {"mon": ["tea"], "tue": ["milk"]}


def a_basket() -> Basket:
    made = Basket("Ann")
    made.append("tea")
    return made


def a_slotted() -> Slotted:
    made = Slotted(a=1)
    made.owner = "Ann"
    return made


def a_code() -> Code:
    made = Code("x1")
    made.note = ["of it"]
    return made


def members() -> Members:
    made = Members("Ann")
    made["tea"] = Line("tea")
    return made


def state(value: Any) -> Any:
    return [getattr(value, name, None) for name in ("owner", "notes", "note", "data", "maps")]


@pytest.mark.parametrize("make", [a_basket, a_slotted, a_code, members])
@pytest.mark.parametrize("is_there", [False, True])
def test_an_extended_container_keeps_the_attributes_of_its_own(make, is_there):
    value, found = make(), decoder()
    there = {"old": type(value)()} if is_there else {}
    again = found.of({"old": through_the_log(value)}, (), old=there)["old"]
    assert found.problems == []
    assert type(again) is type(value)
    assert again == value
    assert state(again) == state(value)


def test_an_attribute_of_a_container_that_nothing_makes_again_is_named():
    made, found = a_basket(), decoder()
    made.notes = object()
    assert found.of(through_the_log(made), ()) == ["tea"]
    assert [str(problem) for problem in found.problems] == ["notes: live object (object)"]


def test_nothing_that_a_log_says_becomes_more_than_an_attribute():
    saved = {"$as": typed.type_name(Basket).split()[0], "$of": [], "$more": {"__class__": 1}}
    assert type(decoder().of(saved, ())) is Basket


@pytest.mark.parametrize(
    "value",
    [Order(), Order(n=2), Order(what="x", own="y"), Order(n=1, more=3), FrozenOrder(n=2)],
)
@pytest.mark.parametrize("there", [None, {}, {"what": "old"}, {"what": "old", "n": 7}])
def test_a_model_knows_which_of_its_fields_were_ever_set(value, there):
    found, kind = decoder(), type(value)
    old = {} if there is None else {"it": kind(**there)}
    again = found.of({"it": through_the_log(value)}, (), old=old)["it"]
    assert found.problems == []
    assert again.model_dump(exclude={"own"}) == value.model_dump(exclude={"own"})
    assert again.model_fields_set == value.model_fields_set - {"own"}


def test_a_model_says_so_only_where_some_were_not():
    assert "$more" not in typed.encode(FrozenOrder(what="x", n=1))


def test_a_field_that_its_class_leaves_out_is_set_where_this_process_set_it():
    there = Order(own="mine")
    decoder().of(through_the_log({"it": Order(n=2)}), (), old={"it": there})
    assert (there.own, there.model_fields_set) == ("mine", {"n", "own"})


@pytest.mark.parametrize(
    "value",
    [UserDict({"a": Line("tea")}), UserList([1, (2,)]), UserString("x"), ChainMap({"a": 1}, {})],
)
def test_what_is_built_around_a_built_in_one_comes_back(value):
    found = decoder()
    again = found.of(through_the_log([value]), ())[0]
    assert found.problems == []
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("value", [array("i", [1]), Queue(), MappingProxyType({}), memoryview(b"")])
def test_other_containers_are_named(value):
    found = decoder()
    assert found.of(through_the_log({"it": value}), ()) == {}
    assert found.problems[0].is_live


def test_a_subclass_of_a_deque_keeps_how_long_it_is():
    again = decoder().of(through_the_log(Window([1, 2], 3)), ())
    assert again == Window([1, 2])
    assert (type(again), again.maxlen) == (Window, 3)


@pytest.mark.parametrize(
    "zone", [timezone(timedelta(hours=5), "Camp"), timezone(timedelta(seconds=5)), UTC]
)
def test_a_moment_keeps_an_offset_with_a_name_or_seconds(zone):
    at = datetime(2026, 1, 1, 12, tzinfo=zone)
    again = decoder().of(through_the_log([at, at.timetz(), zone]), ())
    assert again == [at, at.timetz(), zone]
    assert [repr(one) for one in again] == [repr(at), repr(at.timetz()), repr(zone)]


def test_a_zone_that_nobody_else_knows_is_an_offset_and_named():
    at = datetime(2026, 1, 1, 12, tzinfo=Moving())
    found = decoder()
    again = found.of(through_the_log([at]), ())
    assert again == [at]
    assert "made without its" in str(found.problems[0])
    assert "Moving" in str(found.problems[0])
