"""Values that are written in one piece: the tag that says their type, how each is written and read.

No subclass is among them: what an application's own class adds would be lost.
"""

import base64
import ipaddress
import pathlib  # noqa: TID251 - paths that an application keeps; no file is looked at
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from unbroken.log.plain import JSON
from unbroken.typed.names import name_of

Said = dict[str, JSON]
MINUTE_US = 60_000_000
LOST = "lost"  # beside a tag: what of a value is not written


class Scalar(NamedTuple):
    """`write` gives all that is said of a value; `read` takes that, and raises what it raises."""

    tag: str
    write: Callable[[Any], Said]
    read: Callable[[Any], Any]


def _by_msgspec(kind: type, tag: str) -> Scalar:
    return Scalar(
        tag,
        lambda value: {tag: msgspec.to_builtins(value)},
        lambda said: msgspec.convert(said[tag], kind),
    )


def _by_text(tag: str, text: Callable[[Any], str], read: Callable[[str], Any]) -> Scalar:
    """Of a constructor that takes a text, and no file or address is looked at."""
    return Scalar(tag, lambda value: {tag: text(value)}, lambda said: read(_text(said[tag])))


def _by_bytes(kind: type, tag: str) -> Scalar:
    return Scalar(
        tag,
        lambda value: {tag: base64.b64encode(value).decode()},
        lambda said: kind(base64.b64decode(said[tag])),
    )


def _moment(kind: type, tag: str) -> Scalar:
    """A datetime or a time, whose zone is more than how far it is from UTC."""

    def write(value: Any) -> Said:
        said: Said = {tag: msgspec.to_builtins(value)}
        if not _is_said(value.tzinfo):
            said |= _zone(value.tzinfo) | {"naive": value.replace(tzinfo=None).isoformat()}
        return said | ({"fold": 1} if value.fold else {})

    def read(said: Any) -> Any:
        if "naive" in said and LOST not in said:
            return kind.fromisoformat(said["naive"]).replace(  # type: ignore[attr-defined]
                tzinfo=_read_zone(said), fold=said.get("fold", 0)
            )
        value: Any = msgspec.convert(said[tag], kind)
        return value.replace(fold=1) if said.get("fold") else value

    return Scalar(tag, write, read)


def _is_said(zone: tzinfo | None) -> bool:
    """Whether the usual way to write a moment says it."""
    if type(zone) is not timezone:
        return zone is None
    offset = zone.utcoffset(None)
    is_unnamed = zone.__getinitargs__() == (offset,)  # type: ignore[attr-defined]
    return is_unnamed and not offset % timedelta(minutes=1)


def _zone(zone: Any) -> Said:
    if type(zone) is ZoneInfo and zone.key:
        return {"zone": zone.key}
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return {"offset": msgspec.to_builtins(offset), **({"name": name[0]} if name else {})}
    return {LOST: name_of(type(zone))}


def _read_zone(said: Any) -> tzinfo:
    if "zone" in said:
        return ZoneInfo(said["zone"])
    offset = msgspec.convert(said["offset"], timedelta)
    return timezone(offset, said["name"]) if "name" in said else timezone(offset)


def _range(value: range) -> Said:
    return {"$range": [value.start, value.stop, value.step]}


def _text(said: JSON) -> str:
    if not isinstance(said, str):
        raise TypeError
    return said


def _paths() -> Iterator[tuple[type, Scalar]]:
    yield type(pathlib.Path()), _by_text("$path", str, pathlib.Path)
    for kind, tag in (
        (pathlib.PurePosixPath, "$posix_path"),
        (pathlib.PureWindowsPath, "$windows_path"),
    ):
        yield kind, _by_text(tag, str, kind)


def _addresses() -> Iterator[tuple[type, Scalar]]:
    for version in ("IPv4", "IPv6"):
        for what in ("Address", "Network", "Interface"):
            kind = getattr(ipaddress, version + what)
            yield kind, _by_text(f"${version.lower()}_{what.lower()}", str, kind)


SCALARS: dict[type, Scalar] = {
    datetime: _moment(datetime, "$datetime"),
    time: _moment(time, "$time"),
    timezone: Scalar("$timezone", lambda zone: {"$timezone": None, **_zone(zone)}, _read_zone),
    ZoneInfo: Scalar("$zone", lambda zone: {"$zone": None, **_zone(zone)}, _read_zone),
    date: _by_msgspec(date, "$date"),
    timedelta: _by_msgspec(timedelta, "$timedelta"),
    Decimal: _by_msgspec(Decimal, "$decimal"),
    UUID: _by_msgspec(UUID, "$uuid"),
    Fraction: _by_text("$fraction", str, Fraction),
    complex: _by_text("$complex", repr, complex),
    range: Scalar("$range", _range, lambda said: range(*said["$range"])),
    bytes: _by_bytes(bytes, "$bytes"),
    bytearray: _by_bytes(bytearray, "$bytearray"),
    **dict(_paths()),
    **dict(_addresses()),
}
