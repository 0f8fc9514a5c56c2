"""Typed userdata as JSON: dataclasses, msgspec structs, pydantic models, dicts."""

from typing import Any

import msgspec
from pydantic import BaseModel

from unbroken.entries import JSON, UserdataChanged, plain


def encode(userdata: object) -> JSON:
    """The nearest JSON; what has no JSON form is its `str`."""
    try:
        return plain(msgspec.to_builtins(userdata, enc_hook=_unfold, str_keys=True))
    except (TypeError, RecursionError):
        return plain(userdata)


def type_name(userdata: object) -> str:
    """For people: nothing is ever imported by this name."""
    return f"{type(userdata).__module__}.{type(userdata).__qualname__}"


def put_back(userdata: Any, saved: JSON) -> None:
    """Give `userdata` the saved values, in place: the application may hold the object already.

    Raises ValueError or TypeError where they do not fit; then nothing was changed.
    """
    if isinstance(userdata, dict):
        userdata.clear()
        userdata.update(saved)
        return
    kind = type(userdata)
    if isinstance(userdata, BaseModel):
        made: Any = kind.model_validate(saved)
    else:
        made = msgspec.convert(saved, kind)
    for name in saved:
        setattr(userdata, name, getattr(made, name))


def changed(before: JSON, now: JSON, kind: str) -> UserdataChanged | None:
    """The entry that leads from one to the other; None if they are equal."""
    if before == now:
        return None
    if isinstance(before, dict) and isinstance(now, dict):
        patch = _patch(before, now)
        if patch is not None:
            return UserdataChanged(kind, patch=patch)
    return UserdataChanged(kind, value=now)


def _unfold(value: object) -> JSON:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value)


def _patch(before: dict[str, JSON], now: dict[str, JSON]) -> dict[str, JSON] | None:
    """A merge patch; None where it cannot say the change, as null means remove."""
    patch: dict[str, JSON] = {}
    for key in before.keys() | now.keys():
        if key not in now:
            patch[key] = None
        elif key not in before or before[key] != now[key]:
            if _has_null(now[key]):
                return None
            patch[key] = _replaced(before.get(key), now[key])
            if patch[key] is None:
                return None
    return patch


def _replaced(before: JSON, now: JSON) -> JSON:
    """A member of a patch. An object only merges, so it must itself be patched."""
    if isinstance(before, dict) and isinstance(now, dict):
        return _patch(before, now)
    return now


def _has_null(value: JSON) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return value is None
