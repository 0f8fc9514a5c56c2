"""Records: objects that are nothing but their fields. How fields are read, set, and made anew.

No code of the application is run to read or set one: no property, no `__setattr__`, no validator.
"""

import contextlib
import dataclasses
import functools
import types
from collections import ChainMap, UserDict, UserList, UserString
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

CLASSES_MAX = 1_000  # that are remembered
LEFT_OUT = "not_durable"  # a class attribute: names of fields that are not kept, or True for all
_AROUND_ONE = (ChainMap, UserDict, UserList, UserString)  # they hold a built-in one, or several
_SET = "__pydantic_fields_set__"  # a model's own list of the fields that were ever given or set
_METHODS = (types.FunctionType, functools.cached_property, staticmethod, classmethod)


class RecordState(NamedTuple):
    """An object's attributes: those that its class declares as fields, and others."""

    fields: dict[str, Any]
    more: dict[str, Any]


class Record:
    """A kind of record: a dataclass, or an attrs class."""

    def __init__(self, kind: type) -> None:
        self.kind: Any = kind
        self.names = frozenset(self._declared())

    def read(self, value: Any) -> RecordState:
        return self.split(state_of(value, self.names))

    def put(self, value: Any, name: str, part: Any) -> None:
        """Raises AttributeError or TypeError where the attribute cannot be set."""
        object.__setattr__(value, name, part)

    def declares(self, name: str) -> bool:
        return name in self.names

    def make(self, state: RecordState) -> Any:
        """A new one, by its constructor and then as it was. One whose constructor fails is made
        without it, if nothing is missing then. Raises what its constructor raises."""
        try:
            made = self._construct(state.fields)
        except Exception:
            if self.names - state.fields.keys():
                raise
            made = self._bare()
        for name, part in (state.fields | state.more).items():
            self.put(made, name, part)
        return made

    def make_over(self, there: RecordState, parts: Mapping[str, Any]) -> Any:
        """A new one that has these parts, and of what is there the rest."""
        fields, more = self.split(parts)
        return self.make(RecordState(there.fields | fields, there.more | more))

    @property
    def is_frozen(self) -> bool:
        """One that others may hold, too: it is never changed in place within another object."""
        params = getattr(self.kind, "__dataclass_params__", None)
        return bool(params and params.frozen)

    def _bare(self) -> Any:
        return self.kind.__new__(self.kind)

    def _declared(self) -> Iterator[str]:
        if dataclasses.is_dataclass(self.kind):
            yield from (field.name for field in dataclasses.fields(self.kind))
        else:
            yield from (field.name for field in self.kind.__attrs_attrs__)

    def _construct(self, fields: Mapping[str, Any]) -> Any:
        taken = dict(self._taken())
        return self.kind(**{taken[name]: part for name, part in fields.items() if name in taken})

    def _taken(self) -> Iterator[tuple[str, str]]:
        """The fields that the constructor takes, and as what."""
        if dataclasses.is_dataclass(self.kind):
            yield from ((f.name, f.name) for f in dataclasses.fields(self.kind) if f.init)
        else:
            yield from ((f.name, f.alias) for f in self.kind.__attrs_attrs__ if f.init)

    def split(self, state: Mapping[str, Any]) -> RecordState:
        fields = {name: part for name, part in state.items() if name in self.names}
        return RecordState(fields, {n: part for n, part in state.items() if n not in self.names})


class _Struct(Record):
    """msgspec."""

    def _declared(self) -> Iterator[str]:
        yield from self.kind.__struct_fields__

    def read(self, value: Any) -> RecordState:
        left_out = left_out_of(self.kind)
        return RecordState(
            {n: getattr(value, n) for n in sorted(self.names) if n not in left_out}, {}
        )

    def put(self, value: Any, name: str, part: Any) -> None:
        msgspec.structs.force_setattr(value, name, part)

    @property
    def is_frozen(self) -> bool:
        return bool(self.kind.__struct_config__.frozen)

    def _taken(self) -> Iterator[tuple[str, str]]:
        yield from ((name, name) for name in self.names)


class _Model(Record):
    """pydantic. Its validators are not run: the values were valid when they were set."""

    def _declared(self) -> Iterator[str]:
        yield from self.kind.__pydantic_fields__

    def read(self, value: Any) -> RecordState:
        extra = getattr(value, "__pydantic_extra__", None) or {}
        private = getattr(value, "__pydantic_private__", None) or {}
        state = self.split(state_of(value, self.names))
        left_out = left_out_of(self.kind)
        more = {**state.more, **extra, **private}
        kept = {n: part for n, part in more.items() if n not in left_out}
        return RecordState(state.fields, kept | self._fields_set(value))

    def put(self, value: Any, name: str, part: Any) -> None:
        if name in self.names:
            value.__dict__[name] = part
            value.__pydantic_fields_set__.add(name)
        elif name == _SET:
            left_out = left_out_of(self.kind)
            mine = {n for n in value.__pydantic_fields_set__ if n in left_out}
            object.__setattr__(value, _SET, mine | part)
        elif name in self.kind.__private_attributes__:
            value.__pydantic_private__[name] = part
        elif value.__pydantic_extra__ is not None:
            value.__pydantic_extra__[name] = part
        else:
            value.__dict__[name] = part

    @property
    def is_frozen(self) -> bool:
        return bool(self.kind.model_config.get("frozen"))

    def make_over(self, there: RecordState, parts: Mapping[str, Any]) -> Any:
        more = {name: part for name, part in there.more.items() if name != _SET}
        return super().make_over(RecordState(there.fields, more), parts)

    def _fields_set(self, value: Any) -> dict[str, frozenset[str]]:
        """Said where it is not all of them, as `put` makes it."""
        left_out = left_out_of(self.kind)
        given = getattr(value, _SET, self.names)
        kept = frozenset(name for name in given if name not in left_out)
        return {} if kept == {n for n in self.names if n not in left_out} else {_SET: kept}

    def _bare(self) -> Any:
        made = super()._bare()
        is_open = self.kind.model_config.get("extra") == "allow"
        object.__setattr__(made, _SET, set())
        object.__setattr__(made, "__pydantic_extra__", {} if is_open else None)
        object.__setattr__(made, "__pydantic_private__", {})
        return made

    def _construct(self, fields: Mapping[str, Any]) -> Any:
        return self.kind.model_construct(**fields)


class _Tuple(Record):
    """A named tuple: it cannot be changed, only made anew."""

    is_frozen = True

    def _declared(self) -> Iterator[str]:
        yield from self.kind._fields

    def read(self, value: Any) -> RecordState:
        return RecordState(dict(zip(self.kind._fields, tuple.__iter__(value), strict=False)), {})

    def put(self, value: Any, name: str, part: Any) -> None:
        object.__setattr__(value, name, part)  # an AttributeError

    def make(self, state: RecordState) -> Any:
        return self.kind(**state.fields)


class Loose(Record):
    """An object of any class, as the attributes that are set on it; `only` these, if given."""

    def __init__(self, kind: type, only: Collection[str] | None = None) -> None:
        super().__init__(kind)
        self._only = only

    def declares(self, name: str) -> bool:
        return name.isidentifier() and (self._only is None or name in self._only)

    def _declared(self) -> Iterator[str]:
        yield from ()

    def _taken(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def split(self, state: Mapping[str, Any]) -> RecordState:
        return RecordState(dict(state), {})


@functools.lru_cache(CLASSES_MAX)
def record_of(kind: Any) -> Record | None:
    """None for a class whose objects are more than their fields."""
    if issubclass(kind, msgspec.Struct):
        return _Struct(kind)
    if kind is types.SimpleNamespace or issubclass(kind, _AROUND_ONE):
        return Loose(kind)
    if hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_construct"):
        return _Model(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _Tuple(kind)
    is_class = dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")
    return Record(kind) if is_class else None


def state_of(value: Any, declared: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The attributes that are set on an object itself. Without those that its class leaves out,
    and, but for the `declared` ones, those that stand in for a method or a cached property."""
    kind: Any = type(value)
    found: dict[str, Any] = {}
    for name, slot in _slots_of(kind):
        with contextlib.suppress(AttributeError):  # it is not set
            found[name] = slot.__get__(value, kind)
    with contextlib.suppress(AttributeError):  # it has none
        found |= object.__getattribute__(value, "__dict__")
    left_out, methods = left_out_of(kind), _methods_of(kind) - declared
    return {
        name: part
        for name, part in found.items()
        if not (name in left_out or name in methods or name.startswith("__"))
    }


@functools.lru_cache(CLASSES_MAX)
def left_out_of(kind: Any) -> frozenset[str]:
    """What the class, or one that it inherits from, wants not to be kept."""
    names: set[str] = set()
    bases: tuple[Any, ...] = kind.__mro__
    for said in (vars(one).get(LEFT_OUT) for one in bases):
        if said is True:
            return _ALL
        if isinstance(said, str):
            names.add(said)
        elif isinstance(said, tuple | list | set | frozenset):
            names |= set(said)
    return frozenset(names)


class _All(frozenset[str]):
    def __contains__(self, _name: object) -> bool:
        return True


_ALL = _All()


@functools.lru_cache(CLASSES_MAX)
def _slots_of(kind: Any) -> tuple[tuple[str, types.MemberDescriptorType], ...]:
    return tuple(
        (name, slot)
        for one in kind.__mro__
        for name, slot in vars(one).items()
        if isinstance(slot, types.MemberDescriptorType)
    )


@functools.lru_cache(CLASSES_MAX)
def _methods_of(kind: Any) -> frozenset[str]:
    """What an attribute of an object can stand in for."""
    return frozenset(
        name
        for one in kind.__mro__
        for name, part in vars(one).items()
        if isinstance(part, _METHODS)
    )
