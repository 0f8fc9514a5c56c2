"""Values to JSON. No code of the application is run: no property, no `__eq__`, no `__str__`."""

import base64
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any

import msgspec

from unbroken.log.plain import DEPTH_MAX, JSON
from unbroken.typed.hints import print_of
from unbroken.typed.names import name_of
from unbroken.typed.records import record_of, state_of
from unbroken.typed.scalars import SCALARS

ORDER = "$order"  # of a dict's keys, where it is not that of the alphabet
ITSELF = "."  # names the object whose fields are written
VALUES_MAX = 1 << 16  # of one value, as many as an entry holds: each costs a microsecond or two
AT_ONCE = 16  # as many texts or numbers of a list cost what one of them does
WHOLE_BITS_MAX = 63  # what every reader of JSON takes for a whole number

Name = Callable[[object], str | None]  # of an object that both processes know by a name

SETS: dict[type, str] = {set: "$set", frozenset: "$frozenset"}
CHANGEABLE = (list, dict, set, deque)  # two places may have one such object, and change it
NOBODY: Mapping[int, str] = MappingProxyType({})
BASES = (OrderedDict, dict, list, deque, set, frozenset, tuple, str, int, float)


class TooMuch(Exception):
    """A value that is nested too deeply, or has too many parts; in words."""


def encode(
    value: object,
    name: Name = lambda _: None,
    tell: Callable[[object], None] = lambda _: None,
    names: Mapping[int, str] = NOBODY,
) -> JSON:
    """`value` as JSON that says its types. `name` gives the name of an object that is only
    referred to, None for all others; `names` has further ones, by id. `tell` is called with each
    part that can be changed.

    Raises TooMuch for more than VALUES_MAX values or DEPTH_MAX levels.
    """
    return Encoder(name, tell, names).of(value)


class Encoder:
    def __init__(
        self,
        name: Name,
        tell: Callable[[object], None] = lambda _: None,
        names: Mapping[int, str] = NOBODY,
    ) -> None:
        self._name = name
        self._tell = tell
        self._names = names
        self._left = VALUES_MAX
        self._within: set[int] = set()

    def of(self, value: Any) -> JSON:
        kind = type(value)
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"more than {VALUES_MAX:,} values")
        if write := _SIMPLE.get(kind):
            return write(value)
        if scalar := SCALARS.get(kind):
            return scalar.write(value)
        if issubclass(kind, Enum):
            return _member(value)
        return self._holding(value, kind)

    def fields(self, value: Mapping[str, Any]) -> dict[str, JSON]:
        return {name: self.of(part) for name, part in value.items()}

    def _holding(self, value: Any, kind: type) -> JSON:
        """What may hold itself, or is held by others."""
        if id(value) in self._names:
            return {"$ref": self._names[id(value)]}
        if id(value) in self._within:
            return {"$circle": name_of(kind)}
        if len(self._within) >= DEPTH_MAX:
            raise TooMuch(f"nested more than {DEPTH_MAX} levels deep")
        if kind in CHANGEABLE:
            self._tell(value)
        self._within.add(id(value))
        try:
            return self._held(value, kind)
        finally:
            self._within.discard(id(value))

    def _held(self, value: Any, kind: type) -> JSON:  # noqa: PLR0911 - one for each kind
        if kind is dict:
            return self._dict(value)
        if kind is list:
            return self._all(value)
        if kind is tuple:
            return {"$tuple": self._all(value)}
        if kind is deque:
            return {"$deque": self._all(value), "max": value.maxlen}
        if kind in SETS:
            return {SETS[kind]: sorted(self._all(value), key=msgspec.json.encode)}
        if (known := self._name(value)) is not None:
            return {"$ref": known}
        return self._object(value, kind)

    def _object(self, value: Any, kind: type) -> JSON:
        if record := record_of(kind):
            if not record.is_frozen:
                self._tell(value)
            state = record.read(value)
            more = {"$more": self.fields(state.more)} if state.more else {}
            return {"$type": type_name(kind)} | self.fields(state.fields) | more
        if base := base_of(kind):
            if issubclass(base, CHANGEABLE):
                self._tell(value)
            said = {"$as": name_of(kind), "$of": self._copy(_as_base(value, base))}
            said |= _default(value) if issubclass(kind, defaultdict) else {}
            own = own_state(value)
            return said | {"$more": self.fields(own)} if own else said
        return {"$live": name_of(kind)}

    def _copy(self, value: Any) -> JSON:
        """Of one that was made just now, and that nobody else has."""
        kind = type(value)
        return self.of(value) if kind in _SIMPLE else self._held(value, kind)

    def key(self, key: Any) -> str:
        if type(key) is str and not key.startswith("$") and _is_utf8(key):
            return key
        return "$" + msgspec.json.encode(self.of(key), order="sorted").decode()

    def _dict(self, value: dict[Any, Any]) -> JSON:
        members = dict.copy(value)
        are_keys_plain = set(map(type, members)) <= {str} and _is_plain_text("".join(members))
        if not (are_keys_plain and are_plain(members.values()) and self._spare(members)):
            parts = said_once(map(self.of, members.values()))
            members = dict(zip(map(self.key, members), parts, strict=True))
        keys = list(members)
        return members if keys == sorted(keys) else members | {ORDER: keys}

    def _all(self, values: Collection[Any]) -> list[JSON]:
        found = list(values)
        if are_plain(found) and self._spare(found):
            return found
        return list(said_once(map(self.of, found)))

    def _spare(self, values: Collection[Any]) -> bool:
        self._left -= len(values) // AT_ONCE
        return self._left >= 0


def said_once(parts: Iterable[JSON]) -> Iterator[JSON]:
    """Dicts that stand one behind the other with the same keys say their order once."""
    before: list[str] = []
    for part in parts:
        known, before = before, order_of(part)
        if not before or len(before) != len(known):
            yield part
        elif before == known and ORDER in part:
            yield {key: value for key, value in part.items() if key != ORDER}
        elif before != known and ORDER not in part and part.keys() == set(known):
            yield part | {ORDER: before}
        else:
            yield part


def said_by_each(parts: Iterable[JSON]) -> Iterator[JSON]:
    """The opposite: each as if it stood alone."""
    before: list[str] = []
    for part in parts:
        known, found = before, part
        if isinstance(part, dict) and len(part) == len(known) and part.keys() == set(known):
            found = part | {ORDER: known}
        before = order_of(found)
        if before == sorted(before) and isinstance(found, dict) and ORDER in found:
            found = {key: value for key, value in found.items() if key != ORDER}
        yield found


def order_of(part: JSON) -> list[str]:
    """The keys of a dict in their order; nothing of what is none, or says none that can be."""
    if not isinstance(part, dict):
        return []
    order = part.get(ORDER)
    if order is None:
        return sorted(part)
    is_fit = isinstance(order, list) and all(type(key) is str for key in order)
    return order if is_fit and len(order) == len(part) - 1 else []


def type_name(kind: type) -> str:
    """The class's name, and the print of its annotations."""
    return f"{name_of(kind)} {print_of(kind)}"


def _text(value: str) -> JSON:
    if _is_utf8(value):
        return value
    return {"$text": base64.b64encode(value.encode("utf-16-le", "surrogatepass")).decode()}


def _whole(value: int) -> JSON:
    return value if value.bit_length() <= WHOLE_BITS_MAX else {"$int": hex(value)}


def _number(value: float) -> JSON:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _member(value: Any) -> JSON:
    kind: Any = type(value)
    known = name_of(kind)
    if value._name_ in kind.__members__:
        return {"$enum": known, "name": value._name_}
    return {"$enum": known, "value": int.__index__(value._value_)}


def own_state(value: object) -> dict[str, Any]:
    """The attributes that are set on an object of a class that extends a built-in type."""
    return {n: part for n, part in state_of(value).items() if n != _FACTORY.__name__}


def is_factory(kind: object) -> bool:
    """Whether a dict's default may be told by its name: nothing but a value comes of it."""
    return isinstance(kind, type) and (is_value(kind) or record_of(kind) is not None)


_FACTORY: Any = vars(defaultdict)["default_factory"]  # not what a subclass calls so


def _default(value: Any) -> dict[str, JSON]:
    """What a dict makes for a key that it has not. A function is nobody's but the process's."""
    factory = _FACTORY.__get__(value)
    if factory is None:
        return {"default": None}
    return {"default": name_of(factory)} if is_factory(factory) else {}


def has_no_parts(kind: type) -> bool:
    return kind in _SIMPLE or kind in SCALARS or issubclass(kind, Enum)


def is_value(kind: type) -> bool:
    """Whether its objects are values: all that they are is written in one piece."""
    return has_no_parts(kind) or bool(base_of(kind))


def base_of(kind: type) -> Any:
    """The built-in type that a class extends."""
    return next((base for base in BASES if issubclass(kind, base)), None)


def _as_base(value: Any, base: Any) -> Any:
    """What an object of a subclass holds, read as the built-in type does."""
    if issubclass(base, dict):
        return dict(base.items(value))
    if base is deque:
        return deque(deque.__iter__(value), value.maxlen)
    if issubclass(base, Collection) and base is not str:
        return base(base.__iter__(value))
    return _AS_NUMBER[base](value)


_AS_NUMBER: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
}


def _is_plain_text(keys: str) -> bool:
    return "$" not in keys and _is_utf8(keys)


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_plain(values: Collection[Any]) -> bool:
    """Whether all are texts, or all numbers, that stay as they are: one look at all of them."""
    kinds = set(map(type, values))
    if kinds <= {str}:
        return _is_utf8("".join(values))
    return kinds <= {int, bool, NoneType} and all(
        value.bit_length() <= WHOLE_BITS_MAX for value in values if value is not None
    )


_SIMPLE: dict[type, Callable[[Any], JSON]] = {
    NoneType: lambda value: value,
    bool: lambda value: value,
    str: _text,
    int: _whole,
    float: _number,
}
