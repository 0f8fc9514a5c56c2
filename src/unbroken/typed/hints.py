"""What a class says of the types of its fields, and whether a value is of such a type."""

import hashlib
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

CLASSES_MAX = 1_000  # of an application, with annotations
DEPTH_MAX = 20  # of an annotation: Any beyond


@lru_cache(CLASSES_MAX)
def hints_of(kind: type) -> Mapping[str, Any]:
    """By field. An annotation that cannot be read in this process is left out."""
    try:
        return typing.get_type_hints(kind)
    except Exception:  # noqa: BLE001 - annotations are code of the application
        return dict(_readable(kind))


@lru_cache(CLASSES_MAX)
def print_of(kind: type) -> str:
    """Another one where the annotations of the class are others."""
    said = {name: _words(hint) for one in reversed(kind.__mro__) for name, hint in _raw(one)}
    return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()[:8]


def classes_in(hint: Any, depth: int = 0) -> Iterator[type]:
    """All classes that an annotation mentions."""
    if isinstance(hint, type) and get_origin(hint) is None:
        yield hint
    if depth < DEPTH_MAX:
        for part in get_args(hint):
            yield from classes_in(part, depth + 1)
        if isinstance(hint, TypeVar | NewType):
            yield from classes_in(_meant(hint), depth + 1)


def part_of(hint: Any, at: int | None = None) -> Any:
    """The annotation of what is in a container: of its elements, its keys (0) or values (1)."""
    hint = _meant(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(tuple(part_of(part, at) for part in parts if get_args(part)))
    if origin is tuple and parts and parts[-1] is not ...:
        return parts[at] if at is not None and at < len(parts) else Any
    if at is not None and origin is not tuple and len(parts) == 2:  # noqa: PLR2004 - a mapping
        return parts[at] if at < len(parts) else Any
    return parts[0] if parts and origin is not Literal else Any


def fits(value: object, hint: Any, depth: int = 0) -> bool:
    """Whether `value` is what the annotation says. What we cannot tell fits."""
    hint = _meant(hint)
    if hint is Any or depth > DEPTH_MAX:
        return True
    if hint is None or hint is types.NoneType:
        return value is None
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, part, depth + 1) for part in parts)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin is None:
        return _is_a(value, hint)
    return _is_a(value, origin) and _parts_fit(value, hint, depth + 1)


def _one_of(parts: tuple[Any, ...]) -> Any:
    try:
        return Union[parts]  # noqa: UP007 - of any number
    except TypeError:  # of none, or of what is no type, as the arguments of a function
        return Any


def _parts_fit(value: object, hint: Any, depth: int) -> bool:
    if isinstance(value, dict):
        key, part = part_of(hint, 0), part_of(hint, 1)
        return all(fits(k, key, depth) and fits(v, part, depth) for k, v in dict.items(value))
    if isinstance(value, tuple):
        parts = get_args(hint)
        is_sized = bool(parts) and parts[-1] is not ... and get_origin(hint) is tuple
        if is_sized and len(parts) != len(value) and parts != ((),):
            return False
        return all(fits(v, part_of(hint, at), depth) for at, v in enumerate(value))
    if isinstance(value, list | set | frozenset):
        part = part_of(hint)
        return all(fits(v, part, depth) for v in value)
    return True


def _is_a(value: object, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int and isinstance(value, bool):
        return False
    if typing.is_typeddict(kind):
        return isinstance(value, dict)
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return issubclass(type(value), kind)


def _meant(hint: Any) -> Any:
    """Without what only people and checkers read."""
    for _ in range(DEPTH_MAX):
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, TypeVar):
            hint = hint.__bound__ or Any
        elif get_origin(hint) in _WRAPPERS:
            hint = get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":  # `type X = …`, from Python 3.12
            hint = hint.__value__
        else:
            return hint
    return Any


_WRAPPERS = (Annotated, typing.ClassVar, typing.Final, typing.Required, typing.NotRequired)


def _readable(kind: type) -> Iterator[tuple[str, Any]]:
    for one in reversed(kind.__mro__):
        space = vars(sys.modules.get(one.__module__, types.ModuleType(""))) | {one.__name__: one}
        for name, hint in _raw(one):
            alone = types.SimpleNamespace(__annotations__={name: hint})
            try:
                yield from typing.get_type_hints(alone, space).items()
            except Exception:  # noqa: BLE001, S112 - this one is left out
                continue


def _raw(kind: type) -> Iterator[tuple[str, Any]]:
    """As they are written; from Python 3.14 on they are not run for that."""
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415 - only there

        found = annotationlib.get_annotations(kind, format=annotationlib.Format.FORWARDREF)
    else:
        found = vars(kind).get("__annotations__", {})
    yield from found.items() if isinstance(found, dict) else ()


def _words(hint: Any) -> str:
    if isinstance(hint, str):
        return hint
    return hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else repr(hint)
