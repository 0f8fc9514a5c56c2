"""Userdata over the death of its process: field by field, with its types, into this process's
object."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime
from typing import Any

import msgspec
import pytest
from livekit.agents import Agent, AgentSession
from pydantic import BaseModel, ConfigDict

from tests.agents.scripted import ScriptedLLM
from tests.core.shapes import Everything, FrozenStruct, Line, Model, Mood, Pair, Place, Struct
from tests.livekit.holders import Holder

RULES = [("", "Yes.")]


class Client:
    """A live object."""


class Plain:
    def __init__(self) -> None:
        self.name = ""
        self._count = 0


class Lines(BaseModel):
    name: str = ""
    lines: list[Line] = []


class FrozenLines(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = ""


@dataclass
class Service:
    db: Client
    name: str = ""
    on_change: Callable[[], None] | None = None
    lock: Any = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Slotted:
    name: str = ""
    answers: dict[str, Any] = field(default_factory=dict)


def holding(data: Any) -> AgentSession[Any]:
    given = {} if data is None else {"userdata": data}
    return AgentSession(llm=ScriptedLLM(RULES), **given)


@pytest.fixture
async def hold(env, spool):
    """Holders with these userdata; all are closed."""
    held: list[Holder] = []

    async def first(data: Any, agent: Agent | None = None, **given: Any) -> Holder:
        agent = agent or Agent(instructions="x")
        held.append(await Holder.first(env, spool, agent, RULES, session=holding(data), **given))
        return held[-1]

    async def next_one(dead: Holder, data: Any, agent: Agent | None = None, **given: Any) -> Holder:
        agent = agent or Agent(instructions="x")
        held.append(await dead.successor(agent, session=holding(data), **given))
        return held[-1]

    first.then = next_one  # type: ignore[attr-defined]
    yield first
    for one in held:
        await one.close()


def set_all(**changes: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for name, value in changes.items():
            setattr(data, name, value)

    return change


EVERYTHING = {
    "name": None, "mood": Mood.BAD, "when": datetime(2026, 1, 1), "seen": {"a"}, "pair": (1, 2),  # noqa: DTZ001 - as people write it
    "by_id": {7: Line("tea")}, "lines": [Place("x"), Line(n=2)], "model": Model(name="m", more=1),
    "struct": Struct("s"), "raw": b"\0",
}  # fmt: skip
SHAPES: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "a dataclass": (Everything, set_all(**EVERYTHING)),
    "one with slots": (Slotted, set_all(name="Ann", answers={"a": Line(), 1: None})),
    "a pydantic model": (Lines, set_all(name="Ann", lines=[Line("tea", 2)])),
    "one of whose fields some were never set": (Lines, set_all(name="Ann")),
    "a struct with other names": (Struct, set_all(first_name="Ann")),
    "a plain object": (Plain, set_all(name="Ann", _count=3, late=[1])),
    "a dict": (lambda: {"name": ""}, lambda d: d.update(name="Ann", pair=Pair(1), m=Mood.BAD)),
    "a dict of other keys": (dict, lambda d: d.update({7: "x", (1, 2): None, "$blob": "y"})),
    "a list": (list, lambda d: d.extend([Line("tea"), (1, 2)])),
    "a set": (set, lambda d: d.update({"a", 3})),
    "an ordered dict": (OrderedDict, lambda d: d.update(z=1, a=2)),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_an_application_keeps_comes_back_as_it_was(hold, shape):
    make, change = SHAPES[shape]
    one = await hold(make())
    await one.say("hi")
    change(one.session.userdata)
    await one.say("so")
    here = make()
    other = await hold.then(one, here)
    again = other.session.userdata
    assert again is here
    before = one.session.userdata
    assert (vars(again) if type(again) is Plain else again) == (
        vars(before) if type(again) is Plain else before
    )
    assert other.report["userdata"] == "exact"
    assert other.logged().userdata == one.logged().userdata


@pytest.mark.parametrize(
    ("value", "empty"),
    [
        (Place("Main Street"), Place()),
        (FrozenStruct(3), FrozenStruct()),
        (FrozenLines(name="Ann"), FrozenLines()),
        (Pair(1, {2}), Pair(0)),
        (("a", 1), ()),
        ("a", ""),
        (3, 0),
    ],
    ids=repr,
)
async def test_what_cannot_be_changed_comes_back_too(hold, value, empty):
    other = await hold.then(await hold(value), empty)
    assert other.session.userdata == value
    assert other.report["userdata"] == "exact"


async def test_a_session_without_userdata_says_nothing_of_it(hold):
    other = await hold.then(await hold(None), {"n": 0})
    assert "userdata" not in other.report
    assert other.logged().userdata == {"n": 0}


# What belongs to its process.


@pytest.mark.parametrize("kind", ["dataclass", "dict"])
async def test_live_objects_stay_those_of_this_process_and_are_named(hold, kind):
    def make() -> Any:
        made = Service(Client(), on_change=lambda: None)
        return made if kind == "dataclass" else dict(vars(made))

    one = await hold(make())
    data = one.session.userdata
    data.update(name="Ann") if kind == "dict" else setattr(data, "name", "Ann")
    here = make()
    own = dict(here if kind == "dict" else vars(here))
    other = await hold.then(one, here)
    now = here if kind == "dict" else vars(here)
    assert now == own | {"name": "Ann"}
    assert other.report["userdata"] == "degraded: of this process: db, lock, on_change"
    assert "Client object" not in str(one.logged().userdata)


# Agents in userdata.


class Greeter(Agent):
    def __init__(self, name: str = "") -> None:
        super().__init__(instructions="greet")
        self.name, self.greeted = name, 0


class Cashier(Greeter):
    pass


@dataclass
class Staff:
    personas: dict[str, Agent] = field(default_factory=dict)
    last: Agent | None = None
    name: str = ""


def staff() -> Staff:
    two = {"second": Greeter("b"), "till": Cashier()}
    return Staff({"first": Greeter("a"), **two})


async def test_agents_held_in_userdata_come_back_as_the_agents_of_this_session(hold):
    data = staff()
    one = await hold(data, data.personas["first"])
    await one.say("hi")
    data.name, data.last = "Ann", data.personas["second"]
    data.personas["till"].greeted, data.personas["second"].greeted = 3, 5
    one.session.update_agent(data.personas["till"])
    await one.say("pay", "thanks")
    here = staff()
    personas = dict(here.personas)
    other = await hold.then(one, here, personas["first"])
    assert here.personas == personas
    assert here.last is personas["second"]
    assert other.agent is personas["till"]
    assert (personas["till"].greeted, personas["second"].greeted) == (3, 5)
    assert here.name == "Ann"
    assert other.report["agent"] == other.report["userdata"] == "exact"
    again = [item.text_content for item in other.agent.chat_ctx.items if item.type == "message"]
    assert again[-2:] == ["thanks", "Yes."]


async def test_an_agent_that_only_a_factory_can_make_is_made_for_its_place(hold):
    one = await hold(Staff(last=Cashier("c")))
    here = Staff()
    other = await hold.then(one, here, agents={"Cashier": lambda _: Cashier("made")})
    assert type(here.last) is Cashier
    assert other.report["userdata"] == "exact"


async def test_an_agent_that_nobody_can_make_is_named_and_kept_in_the_log(hold):
    one = await hold(Staff(last=Cashier("c"), name="Ann"))
    here = Staff()
    other = await hold.then(one, here)
    assert (here.last, here.name) == (None, "Ann")
    words = "degraded: last: there is no Cashier (durable(agents=…) has no Cashier)"
    assert other.report["userdata"] == words
    third = await hold.then(other, Staff(), agents=[Cashier])
    assert type(third.session.userdata.last) is Cashier


async def test_factories_see_userdata_and_the_attributes_of_agents_that_are_there(hold):
    seen = []

    class Story(Agent):
        def __init__(self, name: str) -> None:
            super().__init__(instructions=f"Tell {name} a story.")

    first = Greeter()
    one = await hold(Staff(name="Ann"), first)
    first.greeted = 2
    one.session.update_agent(Story("Ann"))
    await one.say("go on")
    here, again = Staff(), Greeter()

    def make(restored: Any) -> Agent:
        seen.append((here.name, again.greeted, restored.agent("Greeter") is again))
        return Story(here.name)

    other = await hold.then(one, here, again, agents={"Story": make})
    assert seen == [("Ann", 2, True)]
    assert other.agent.instructions == "Tell Ann a story."


# Another version.


@dataclass
class Old:
    name: str = ""
    table: str = ""
    count: str = ""
    line: Line = field(default_factory=Line)


Newer = make_dataclass(
    "Old",
    [("name", str, ""), ("count", int, field(default=0)), ("vip", bool, field(default=False))],
)


async def test_a_field_that_is_gone_or_another_costs_itself_and_stays_in_the_log(hold):
    one = await hold(Old("Ann", table="7", count="two"))
    other = await hold.then(one, Newer())
    assert other.session.userdata == Newer("Ann", 0, vip=False)
    await other.say("hi")
    words = other.report["userdata"]
    assert words == (
        "degraded: count: this version wants another type than str; "
        "line: this version has no such field; "
        "table: this version has no such field"
    )
    other.session.userdata.name = "Bob"
    still = await hold.then(other, Newer())
    assert still.report["userdata"] == words
    back = await hold.then(still, Old())
    assert back.session.userdata == Old("Bob", table="7", count="two")
    assert back.report["userdata"] == "degraded: vip: this version has no such field"


async def test_what_the_application_sets_anew_takes_the_place_of_what_was_kept(hold):
    other = await hold.then(await hold(Old(count="two")), Newer())
    other.session.userdata.count = 5
    await other.say("hi")
    third = await hold.then(other, Newer())
    assert third.session.userdata.count == 5
    assert "count" not in third.report["userdata"]


async def test_a_field_within_a_field_is_kept_too(hold):
    @dataclass
    class Order:
        old: Old = field(default_factory=Old)

    @dataclass
    class NewOrder:
        old: Newer = field(default_factory=Newer)  # type: ignore[valid-type]  # made in place

    one = await hold(Order(Old("Ann", table="7", count="two")))
    here = NewOrder()
    other = await hold.then(one, here)
    assert here.old.name in ("Ann", "")
    here.old.vip = True
    await other.say("hi")
    back = await hold.then(other, Order())
    assert back.session.userdata.old.table == "7"


@pytest.mark.parametrize("now", [None, [], 3, Client()], ids=["none", "list", "number", "client"])
async def test_userdata_of_another_kind_is_named_and_the_log_keeps_what_it_has(hold, now):
    one = await hold(Old("Ann"))
    before = one.logged().userdata
    other = await hold.then(one, now)
    assert other.report["userdata"].startswith("degraded: ")
    await other.say("hi")
    if not isinstance(now, Client):
        assert other.logged().userdata == before
    back = await hold.then(other, Old())
    assert back.session.userdata.name == "Ann"


async def test_a_dict_may_become_a_class_and_a_class_a_dict(hold):
    one = await hold({"name": "Ann", "table": "7", "more": 1})
    other = await hold.then(one, Old())
    assert other.session.userdata == Old("Ann", table="7")
    assert other.report["userdata"] == "degraded: more: this version has no such field"
    third = await hold.then(other, {"vip": False})
    assert third.session.userdata["name"] == "Ann"
    assert third.session.userdata["more"] == 1
    assert third.session.userdata["vip"] is False


async def test_a_key_that_was_removed_is_removed_and_one_of_a_new_version_stays(hold):
    one = await hold({"pending": 1, "name": ""})
    await one.say("hi")
    del one.session.userdata["pending"]
    other = await hold.then(one, {"pending": 0, "name": "", "new": True})
    assert other.session.userdata == {"name": "", "new": True}
    assert other.report["userdata"] == "exact"


# Code of the application that fails.


class Fails:
    def __init__(self) -> None:
        object.__setattr__(self, "name", "")

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


class Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("no")


class Odd(metaclass=Meta):
    name = ""


async def test_no_code_of_the_application_is_run_and_none_stops_a_start(hold):
    one = await hold(Fails())
    object.__setattr__(one.session.userdata, "name", "Ann")
    other = await hold.then(one, Fails())
    assert object.__getattribute__(other.session.userdata, "name") == "Ann"
    assert other.report["userdata"] == "exact"
    third = await hold.then(other, Odd())
    assert third.session.userdata.name == "Ann"


async def test_a_field_without_a_setter_is_named(hold):
    one = await hold({"name": "Ann", "total": 3})
    kind = make_dataclass("Totals", [("name", str, ""), ("total", int, field(default=0))])
    here = kind()
    kind.total = property(lambda _: 1)
    other = await hold.then(one, here)
    assert here.name == "Ann"
    assert other.report["userdata"].startswith("degraded: total: cannot be set")


async def test_circles_and_what_never_ends_hang_nothing(hold):
    data: dict[str, Any] = {"name": "Ann"}
    data["self"] = data
    wide: Any = [0]
    for _ in range(40):
        wide = [wide, wide]
    data["wide"] = wide
    one = await hold(data)
    other = await hold.then(one, {})
    assert other.session.userdata["name"] == "Ann"
    assert "wide: older than it was, as it is more than 65,536 values" in other.report["userdata"]


async def test_a_table_of_thousands_of_rows_comes_back(hold):
    rows = [{"id": n, "is_sold": True, "price": n / 4} for n in range(5_000)]
    first = await hold({"rows": rows})
    other = await hold.then(first, {"rows": []})
    assert other.session.userdata["rows"] == rows
    assert other.report["userdata"] == "exact"


@dataclass(eq=False)
class Node:
    name: str = ""
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)


async def test_what_refers_to_userdata_itself_refers_to_it_again(hold):
    root = Node("root")
    root.children.append(Node("child", root))
    here = Node()
    other = await hold.then(await hold(root), here)
    (child,) = here.children
    assert (here.name, child.name) == ("root", "child")
    assert child.parent is here
    assert other.report["userdata"] == "exact"


async def test_userdata_that_changes_in_a_thread_meanwhile_costs_one_look(hold):
    data: dict[Any, Any] = {"n": 0}
    one = await hold(data)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            data[len(data) % 900] = [{"a": len(data)}]
            data.pop(len(data) % 700, None)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(20):
        one.hooks.scan()
        await asyncio.sleep(0)
    over.set()
    thread.join()
    assert one.logged().userdata["n"] == 0
    here: dict[Any, Any] = {}
    await hold.then(one, here)
    assert here == data


@pytest.mark.parametrize("make", [dict, Everything])
async def test_fields_that_hold_dicts_keep_the_order_of_each(hold, make):
    there = {"name": {"b": 1, "a": 2}, "raw": {"a": 1, "b": 2}, "seen": {"b": 1, "a": 2}}
    data = dict(there) if make is dict else Everything(**there)
    second = await hold.then(await hold(data), again := make())
    assert second.report["userdata"] == "exact"
    found = again if make is dict else vars(again)
    assert {name: list(found[name]) for name in there} == {n: list(d) for n, d in there.items()}


def test_the_json_of_a_struct_is_plain_where_it_can_be():
    from unbroken.livekit.state import userdata  # noqa: PLC0415 - only here

    assert userdata.encode(Struct("Ann")) == {"first_name": "Ann"}
    assert msgspec.json.encode(userdata.encode({"a": 1})) == b'{"a":1}'
