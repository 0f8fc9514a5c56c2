"""Values such as applications keep, of every kind that comes back typed."""

import enum
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr


class Mood(enum.Enum):
    GOOD = "good"
    BAD = ("bad", 1)


class Step(enum.StrEnum):
    ASK = "ask"
    PAY = "pay"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Line:
    what: Any = ""
    n: Any = 1


@dataclass(frozen=True, slots=True)
class Place:
    street: Any = ""


class Struct(msgspec.Struct, rename="camel"):
    first_name: Any = ""


class FrozenStruct(msgspec.Struct, frozen=True):
    a: Any = 0


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: Any = ""
    _seen: Any = PrivateAttr(default=None)


@attrs.define
class Slotted:
    _name: Any = ""


class Pair(NamedTuple):
    left: Any
    right: Any = None


class Cart(list[Any]):
    """A list of an application's own."""


class UserId(str):
    __slots__ = ()


def model(name: Any, seen: Any, extra: Any) -> Model:
    made = Model(name=name, other=extra)
    made._seen = seen
    return made


TEXTS = st.text(st.characters(exclude_categories=()))
OFFSETS = st.builds(
    timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)), st.just("Camp time")
) | st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
NAMES = TEXTS.filter(lambda text: "\0" not in text and text.isprintable())
KEYS = st.one_of(
    st.none(), st.booleans(), st.integers(), TEXTS, st.binary(), st.uuids(), st.dates(),
    st.sampled_from([*Mood, *Step, Right.READ | Right.WRITE, "$type", "$live", "$blob", "$$a"]),
    st.tuples(st.integers(), TEXTS), st.frozensets(TEXTS), st.builds(UserId, TEXTS),
    st.fractions(), st.ip_addresses(), st.builds(range, st.integers(), st.integers()),
    st.builds(PurePosixPath, NAMES), st.builds(PureWindowsPath, NAMES), st.builds(Path, NAMES),
)  # fmt: skip
LEAVES = st.one_of(
    KEYS,
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.timezones(),
    OFFSETS,
    st.datetimes(timezones=st.none() | st.timezones() | OFFSETS),
    st.times(timezones=st.none() | st.timezones() | OFFSETS),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.builds(bytearray, st.binary()),
)


def _nested(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(parts, max_size=4)
    return st.one_of(
        lists,
        lists.map(tuple),
        st.builds(deque, lists, st.none() | st.integers(4, 9)),
        st.sets(KEYS, max_size=4),
        st.dictionaries(KEYS, parts, max_size=4),
        st.dictionaries(TEXTS, parts, max_size=4).map(OrderedDict),
        st.dictionaries(TEXTS, st.integers(), max_size=4).map(Counter),
        st.builds(
            defaultdict,
            st.sampled_from([list, int, Counter, Line, None]),
            st.dictionaries(TEXTS, parts, max_size=4),
        ),
        st.builds(Cart, lists),
        st.builds(Line, parts, parts),
        st.builds(Place, parts),
        st.builds(Struct, parts),
        st.builds(FrozenStruct, parts),
        st.builds(model, parts, parts, parts),
        st.builds(Slotted, parts),
        st.builds(Pair, parts, parts),
    )


VALUES = st.recursive(LEAVES, _nested, max_leaves=12)


@dataclass
class Everything:
    """A field of each kind, annotated."""

    name: str | None = None
    mood: Mood = Mood.GOOD
    step: Step = Step.ASK
    when: datetime | None = None
    day: date | None = None
    at: time | None = None
    lasts: timedelta = timedelta(0)
    price: Decimal = Decimal(0)
    number: UUID | None = None
    raw: bytes = b""
    seen: set[str] = field(default_factory=set)
    pair: tuple[int, int] = (0, 0)
    by_id: dict[int, Line] = field(default_factory=dict)
    lines: list[Line | Place] = field(default_factory=list)
    model: Model | None = None
    struct: Struct | None = None


def is_same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, defaultdict) and one.default_factory is not other.default_factory:
        return False
    if isinstance(one, datetime | time) and repr(one.tzinfo) != repr(other.tzinfo):
        return False
    if isinstance(one, dict):
        one, other = [*one.items()], [*other.items()]
    elif isinstance(one, Line | Place | Struct | FrozenStruct | Model | Slotted):
        one, other = _fields(one), _fields(other)
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def _fields(one: Any) -> list[Any]:
    names = [name for name in dir(one) if not name.startswith(("__", "model", "_abc", "copy"))]
    return [(n, part) for n in names if not callable(part := getattr(one, n))]
