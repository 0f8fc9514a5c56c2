"""An application's values are written with their types, and come back as they were."""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict

import msgspec
import pytest
from hypothesis import given
from pydantic import BaseModel

from tests.core.shapes import (
    VALUES,
    Everything,
    FrozenStruct,
    Line,
    Model,
    Mood,
    Pair,
    Place,
    Slotted,
    Struct,
    is_same,
)
from unbroken import typed
from unbroken.log.entries import PAYLOAD_BYTES_MAX
from unbroken.log.plain import DEPTH_MAX
from unbroken.typed import Decoder, TooMuch, Unfit
from unbroken.typed.encode import VALUES_MAX
from unbroken.typed.hints import fits, print_of


class Client:
    """A live object, such as a database."""


def nobody(_value: object) -> str | None:
    return None


def decoder(**known: Any) -> Decoder:
    return Decoder(lambda key, _old: known[key], nobody)


def through_the_log(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(typed.encode(value), order="sorted"))


@given(VALUES)
def test_a_value_comes_back_equal_and_of_its_type(value):
    found = decoder()
    again = found.of(through_the_log(value), ())
    assert typed.encode(again) == typed.encode(value)
    assert found.problems == []
    assert is_same(again, value)


RECORDS = [
    Line("tea", 2), Place("Main Street"), Struct("Ann"), FrozenStruct(3), Model(name="Ann", more=1),
    Slotted("x"), Pair(1, (2,)), SimpleNamespace(a=1, b={2}),
    Everything(by_id={7: Line()}, lines=[Place(), Line(n=3)]),
]  # fmt: skip


@pytest.mark.parametrize("value", RECORDS, ids=lambda value: type(value).__name__)
def test_records_are_made_anew_within_a_dict_or_put_back_in_place(value):
    saved = through_the_log({"it": value})
    assert decoder().of(saved, ()) == {"it": value}
    there = {"it": type(value)(None)} if isinstance(value, Pair) else {"it": type(value)()}
    inner = there["it"]
    again = decoder().of(saved, (), old=there)
    assert again == {"it": value}
    is_kept = again["it"] is inner
    assert is_kept == (not isinstance(value, Place | FrozenStruct | Pair))


def test_a_value_that_is_the_same_stays_the_object_that_it_is():
    there = {"lines": [Line("tea")], "n": 1}
    assert decoder().of(through_the_log({"lines": [Line("tea")], "n": 1}), (), old=there) is there


def test_what_two_places_share_is_shared_again():
    shared = ["a"]
    there = {"one": shared, "two": shared}
    again = decoder().of(through_the_log({"one": ["a", "b"], "two": ["a", "b"]}), (), old=there)
    assert again["one"] == ["a", "b"]
    assert again["one"] is again["two"] is not shared
    assert shared == ["a"]  # it may be a constant of the application


@pytest.mark.parametrize("there", [{}, {"one": None, "two": None}, {"one": "", "two": ""}])
def test_what_is_equal_in_two_places_is_not_shared(there):
    saved = through_the_log({"one": ["a"], "two": ["a"], "lines": [Line("tea"), Line("tea")]})
    again = decoder().of(saved, (), old=there)
    again["one"].append("b")
    again["lines"][0].n = 7
    assert again["two"] == ["a"]
    assert again["lines"] == [Line("tea", 7), Line("tea")]


def test_what_was_made_here_is_filled_anew_where_it_stands():
    ours, constant = {}, ["a"]
    there = {"list": constant, "dict": None, "set": None, "of": None}
    for n in (1, 2):
        saved = through_the_log({"list": [n], "dict": {"n": n}, "set": {n}, "of": [[n]]})
        before = dict(there)
        there |= Decoder(nobody, nobody, ours).of(saved, (), old=there)
    assert there == {"list": [2], "dict": {"n": 2}, "set": {2}, "of": [[2]]}
    assert [name for name, value in before.items() if there[name] is value] == [*there]
    assert constant == ["a"]


@pytest.mark.parametrize("to", [{"one": [2], "two": [3]}, {"one": [1], "two": [3]}])
def test_what_was_made_here_and_stands_in_two_places_is_filled_once(to):
    ours = {}
    there = Decoder(nobody, nobody, ours).of([1], ())
    again = Decoder(nobody, nobody, ours).of(to, (), old={"one": there, "two": there})
    assert again == to


def test_a_live_object_stays_and_is_named_never_written():
    saved = through_the_log({"db": Client(), "call": print, "n": 1})
    assert saved["db"] == {"$live": "tests.core.test_typed.Client"}
    here = Client()
    found = decoder()
    again = found.of(saved, (), old={"db": here, "n": 0})
    assert again == {"db": here, "n": 1}
    assert {(typed.where(p.at), p.is_live) for p in found.problems} == {
        ("db", True),
        ("call", True),
    }


def test_a_live_object_deep_within_stays_where_it_was():
    here = Client()
    there = Everything(model=Model(name="a"), struct=Struct(first_name=here))
    saved = through_the_log(Everything(name="Ann", struct=Struct(first_name=Client())))
    found = decoder()
    again = found.of(saved, (), old=there)
    assert again is there
    assert (again.name, again.model, again.struct.first_name) == ("Ann", None, here)
    assert [str(p) for p in found.problems] == ["struct.first_name: live object (Client)"]


def test_a_live_object_in_a_list_is_stood_for_by_no_other_part():
    saved = through_the_log(["a", Client(), 5])
    once = decoder().of(saved, ())
    assert once == decoder().of(saved, (), old=once) == ["a", 5]
    here = ["a", Client(), 0]
    assert decoder().of(saved, (), old=here) == ["a", here[1], 5]


def test_what_has_a_name_in_both_processes_is_referred_to():
    one, other = Client(), Client()
    saved = typed.encode([one], lambda value: "it" if value is one else None)
    assert saved == [{"$ref": "it"}]
    assert decoder(it=other).of(saved, ()) == [other]
    found = decoder()
    assert found.of(saved, ()) == []
    assert [str(p) for p in found.problems] == ["[0]: there is no it"]


# Circles and bounds.


def test_a_circle_is_cut_and_what_is_around_it_comes_back():
    saved = Line("parent", Line("child"))
    saved.n.n = saved
    there = Line("", Line("", "stays"))
    again = decoder().of(through_the_log(saved), (), old=there)
    assert (again.what, again.n.what, again.n.n) == ("parent", "child", "stays")


@pytest.mark.parametrize("wide", [10, 100_000])
def test_a_value_that_never_ends_is_too_much(wide):
    value: Any = [0] * wide
    for _ in range(30):
        value = [value, value]
    with pytest.raises(TooMuch):
        typed.encode(value)


def test_the_bounds():
    assert typed.encode([1.5] * (VALUES_MAX - 1))
    with pytest.raises(TooMuch, match="more than 65,536 values"):
        typed.encode([1.5] * VALUES_MAX)
    deep: Any = 1
    for _ in range(DEPTH_MAX):
        deep = [deep]
    assert typed.encode(deep) == deep
    with pytest.raises(TooMuch, match="more than 100 levels deep"):
        typed.encode([deep])


# The application's own code.


class Rude:
    def refuse(self, *_: object) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bool__ = __eq__ = __len__ = __iter__ = refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


@dataclass(eq=False)
class RudeRecord(Rude):
    name: str = ""

    def __setattr__(self, name: str, value: object) -> None:
        if "name" in vars(self):
            raise RuntimeError("no")
        object.__setattr__(self, name, value)

    @property
    def total(self) -> int:
        raise RuntimeError("no")


class Strict(BaseModel):
    name: str = ""

    def model_post_init(self, _context: object) -> None:
        if self.name == "Ann":
            raise ValueError("no Ann")


@dataclass
class Started:
    """Its constructor makes what is its process's own, and refuses some values."""

    name: str = ""
    client: Any = field(init=False)

    def __post_init__(self) -> None:
        if self.name == "refused":
            raise ValueError("no")
        self.client = Client()


def test_no_code_of_a_record_is_run_to_write_it_or_to_put_it_back():
    saved = through_the_log({"it": RudeRecord("Ann"), "rude": Rude()})
    there = RudeRecord()
    decoder().of(saved, (), old={"it": there, "rude": Rude()})
    assert vars(there) == {"name": "Ann"}


def test_a_record_whose_constructor_fails_is_made_without_it_if_nothing_is_missing():
    strict = Strict()
    strict.__dict__["name"] = "Ann"
    assert decoder().of(through_the_log([strict]), ())[0].name == "Ann"
    found = decoder()
    started = Started("refused" * 0)
    started.name = "refused"
    assert found.of(through_the_log([started, "b"]), ()) == ["b"]
    assert "[0]: cannot be read (ValueError)" in map(str, found.problems)


def test_a_record_that_is_made_anew_has_live_objects_of_this_process():
    (again,) = decoder().of(through_the_log([Started("Ann")]), ())
    assert again.name == "Ann"
    assert type(again.client) is Client


# Classes that have changed.


@dataclass
class Old:
    name: str = ""
    table: str = ""
    lines: list[Line] = field(default_factory=list)
    count: str = ""
    sloppy: str = None  # type: ignore[assignment]  # as people write it


@dataclass
class New:
    name: str = ""
    lines: list[Place | Line] = field(default_factory=list)
    count: int = 0
    sloppy: str = None  # type: ignore[assignment]  # the same
    vip: bool = False


def put(target: Any, value: Any) -> Decoder:
    saved = through_the_log(value)
    found = decoder()
    record = typed.record_of(type(target))
    assert record
    printed = saved.pop("$type").partition(" ")[2]
    found.fields(record, target, saved, printed)
    return found


def test_a_field_that_is_gone_or_of_another_type_costs_itself():
    there = New(vip=True)
    found = put(there, Old("Ann", "7", [Line("tea")], count="two"))
    assert there == New("Ann", [Line("tea")], 0, vip=True)
    assert {str(p) for p in found.problems} == {
        "table: this version has no such field",
        "count: this version wants another type than str",
    }


def test_a_class_that_is_as_it_was_gets_back_what_it_held_whatever_its_annotations_say():
    there = Old()
    found = put(there, dataclasses.replace(Old(), name=None, lines="none", count=2.5))
    assert (there.name, there.lines, there.count) == (None, "none", 2.5)
    assert found.problems == []


def test_a_class_that_was_renamed_is_found_by_the_annotation():
    saved = through_the_log(Old(lines=[Line("tea", 3)]))
    text = msgspec.json.encode(saved).replace(b"shapes.Line", b"shapes.Position")
    again = decoder().of(msgspec.json.decode(text), (), old=Old(lines=[]))
    assert again.lines == [Line("tea", 3)]
    assert decoder().of(msgspec.json.decode(text)["lines"], ()) == []


def test_a_class_that_nobody_has_loaded_is_never_imported():
    text = '{"it": {"$type": "this.Thing 0", "a": 1}, "m": {"$enum": "this.A", "name": "B"}}'
    found = decoder()
    assert found.of(msgspec.json.decode(text), ()) == {}
    assert {str(p) for p in found.problems} == {
        "it: this version has no this.Thing",
        "m: this version has no this.A",
    }
    assert "this" not in sys.modules


@pytest.mark.parametrize("name", ["subprocess.Popen", "builtins.print", "tests.core.shapes.TEXTS"])
@pytest.mark.parametrize("tag", ["$type", "$as", "$enum"])
def test_a_name_chooses_nothing_but_values(name, tag):
    with pytest.raises(Unfit):
        decoder().of({tag: name, "$of": ["x"], "name": "x"}, ())


def test_a_member_that_is_gone_costs_itself():
    saved = through_the_log([Mood.BAD, Mood.GOOD])
    saved[0]["name"] = "GONE"
    found = decoder()
    assert found.of(saved, ()) == [Mood.GOOD]
    assert str(found.problems[0]) == "[0]: cannot be read (KeyError)"


def test_damaged_json_is_named_and_costs_itself():
    tags = [tag for tag in typed.TAGS if tag not in ("$live", "$circle")]
    for odd in (None, 1, "x", [], {}, [[1]], {"a": 1}, -1.5):
        found = decoder()
        again = found.of([{tag: odd} for tag in tags] + ["after"], ())
        assert again[-1] == "after"


class Greeter(Protocol):
    def greet(self) -> str: ...


class Movie(TypedDict):
    title: str


Id = NewType("Id", int)
INT = Annotated[int, "whole"]


@pytest.mark.parametrize(
    ("hint", "fitting", "others"),
    [
        (Any, [1, None], []),
        (int, [1], [True, 1.0, "1", None]),
        (float, [1, 1.5], [True, "1"]),
        (str | None, ["", None], [1]),
        (Literal["a", 1], ["a", 1], ["b", True]),
        (list[int], [[], [1]], [["a"], (1,), [1, None]]),
        (tuple[int, str], [(1, "a")], [("a", 1), (1,), (1, "a", 2)]),
        (tuple[int, ...], [(), (1, 2)], [("a",)]),
        (dict[int, list[str]], [{1: ["a"]}], [{"1": ["a"]}, {1: [1]}]),
        (set[Mood], [{Mood.BAD}], [{"bad"}]),
        (INT, [1], ["a"]),
        (Id, [1], ["a"]),
        (Movie, [{"title": "x"}], [["title"]]),
        (Greeter, [object()], []),
        (Line | Place, [Line(), Place()], [Struct()]),
    ],
)
def test_whether_a_value_is_what_an_annotation_says(hint, fitting, others):
    assert [value for value in fitting if not fits(value, hint)] == []
    assert [value for value in others if fits(value, hint)] == []


def test_an_annotation_that_cannot_be_read_costs_nothing():
    kind = dataclasses.make_dataclass("Kind", [("a", "NotHere"), ("b", int)])
    saved = through_the_log([kind("x", 3)])
    assert decoder().of(saved, (), hint=list[kind]) == [kind("x", 3)]


@dataclass
class Either:
    it: Callable[[], None] | dict[int, Line] | None = None


@pytest.mark.parametrize("value", [{7: Line("tea")}, [None, None, Line()], None, {"a": [1]}])
def test_a_value_that_is_not_as_annotated_comes_back_all_the_same(value):
    assert decoder().of(through_the_log([Either(value)]), (), hint=list[Either]) == [Either(value)]


def test_the_print_of_a_class_follows_its_annotations():
    one = dataclasses.make_dataclass("Kind", [("a", int)])
    same = dataclasses.make_dataclass("Renamed", [("a", int)])
    other = dataclasses.make_dataclass("Kind", [("a", str)])
    assert print_of(one) == print_of(same) != print_of(other)


def test_a_class_says_what_is_not_to_be_kept():
    @dataclass
    class Login:
        not_durable = ("token",)
        name: str = ""
        token: str = ""

    assert {k for k in typed.encode(Login("Ann", "secret")) if k != "$type"} == {"name"}
    there = Login("", "of this process")
    found = put(there, Login("Ann", "secret"))
    assert there == Login("Ann", "of this process")
    assert found.problems == []


def shuffled(n: int) -> dict[str, int]:
    """Rows in three orders, and some of other keys."""
    keys = [["name", "age"], ["age", "name"], ["name", "age", "at"], []][n % 7 % 4]
    return dict.fromkeys(keys, n)


ROWS = [
    [{"name": n, "age": n} for n in range(3)],
    [shuffled(n) for n in range(40)],
    {f"k{n}": shuffled(n) for n in range(40)},
    ([{"b": 1, "a": {"z": 1, "y": 2}}, {"b": 1, "a": {"z": 1, "y": 2}}], {"b": 1, "a": 2}),
    [{"b": 1, "a": 2}, 5, {"b": 1, "a": 2}, {"a": 1, "b": 2}, {"b": 1, "a": 2}],
    {"z": {"b": 1, "a": 2}, "y": {"b": 1, "a": 2}},
    SimpleNamespace(x={"b": 1, "a": 2}, y={"a": 1, "b": 2}, z={"b": 1, "a": 2}),
]


@pytest.mark.parametrize("rows", ROWS, ids=range(len(ROWS)))
def test_each_row_has_its_order_again(rows):
    found = decoder()
    again = found.of(through_the_log(rows), ())
    assert repr(again) == repr(rows)
    assert found.problems == []


def test_rows_with_the_same_keys_say_their_order_once():
    rows = [{"name": "Ann", "age": n} for n in range(5_000)]
    assert msgspec.json.encode(through_the_log(rows)).count(b"$order") == 1
    assert len(msgspec.json.encode(through_the_log(rows))) < PAYLOAD_BYTES_MAX


def test_a_row_that_is_the_same_stays_the_object_that_it_is():
    there = [{"b": n, "a": n} for n in range(4)]
    saved = through_the_log([*there[:3], {"b": 9, "a": 9}])
    again = decoder().of(saved, (), old=there)
    assert [row is old for row, old in zip(again, there, strict=True)] == [True] * 3 + [False]


@pytest.mark.parametrize("order", [["b"], ["a", "a"], [["a"], 1], "ba", {"a": 1}, None, ["b", "x"]])
def test_an_order_that_cannot_be_costs_nothing_but_the_order(order):
    saved = [{"b": 1, "a": 2, "$order": order}, {"b": 3, "a": 4}, {"b": 5, "a": 6, "$order": order}]
    assert decoder().of(saved, ()) == [{"b": 1, "a": 2}, {"b": 3, "a": 4}, {"b": 5, "a": 6}]
