"""An object whose attributes are kept: the session's userdata, or one of its agents.

It is read field by field, each field in the JSON of `typed`; an object that has no fields (a list,
a number) is read whole. It is put back field by field, into the same object.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unbroken import typed
from unbroken.log.attributes import Attributes
from unbroken.log.changes import same
from unbroken.log.entries import JSON
from unbroken.typed import Decoder, Name, Problem, Record, Root, TooMuch, Unfit, sharing, type_name

log = logging.getLogger(__name__)

NAMES_MAX = 20  # in a report: it is for people
WHOLE = ""  # stands for a field where an object has none
ORDER = typed.ORDER  # of a dict's keys
SHARED = "$shared"  # beside the fields: where what they hold stands, too
BESIDE = {ORDER, SHARED}  # fields, and none of the object's


class Target(NamedTuple):
    """An object to read: what it is called in the report, and how it is read, if its class does
    not say it."""

    field: str
    value: object
    record: Record | None = None


class Reading(NamedTuple):
    """What an object holds now. `refused` are the fields that no entry could hold, and why."""

    type: str
    value: JSON
    refused: dict[str, str]


def read(target: object, name: Name, record: Record | None = None) -> Reading:
    """`name` gives the name of what is only referred to; `record` how the object is read, if its
    class does not say it."""
    (found,) = read_together([Target("", target, record)], name).values()
    return found


def read_together(
    targets: Iterable[Target], name: Name, names: Mapping[int, str] = typed.NOBODY
) -> dict[str, Reading]:
    """By field; each says where what it holds stands, too, in itself or in another one. One that
    cannot be read costs itself. `names` are those of further objects, by id."""
    found: dict[str, Reading] = {}
    roots: list[Root] = []
    shared = typed.Shared()
    known = dict(names)
    for target in targets:
        known.setdefault(id(target.value), typed.ITSELF)
        try:
            found[target.field] = _read(target, name, names, shared, roots)
        except Exception:
            log.exception("state not read", extra={"field": target.field})
    _tell_shared(found, shared.groups(roots, name, known))
    return found


def _tell_shared(found: Mapping[str, Reading], groups: Sequence[typed.Group]) -> None:
    for field, reading in found.items() if groups else ():
        is_by_field = isinstance(reading.value, dict) and not typed.TAGS.keys() & reading.value
        if is_by_field and (told := sharing.told_by(field, groups)):
            reading.value[SHARED] = told


def _read(
    target: Target,
    name: Name,
    names: Mapping[int, str],
    shared: typed.Shared,
    roots: list[Root],
) -> Reading:
    value, kind = target.value, type(target.value)
    fields: dict[str, JSON] = {}
    refused: dict[str, str] = {}
    whole: JSON = fields
    names = {**names, id(value): typed.ITSELF}
    for at, part in _parts(value, target.record or record_of(kind), name):
        own = at[-1] if at else WHOLE
        try:
            encoded = typed.encode(part, name, shared.see, names if at else typed.NOBODY)
        except TooMuch as error:
            refused[own] = f"it is {error}"
        except Exception as error:  # noqa: BLE001 - it changes meanwhile, or is very odd
            refused[own] = f"it cannot be read ({type(error).__name__})"
        else:
            roots.append(Root(target.field, at, part))
            if not at:
                whole = encoded
            else:
                (fields.setdefault("$more", {}) if len(at) > 1 else fields)[own] = encoded
    if kind is dict and list(fields) != sorted(fields):
        fields[ORDER] = list(fields)
    return Reading(type_name(kind), whole, refused)


def is_one(value: object) -> bool:
    """Whether two places that hold it hold one object, and not one value."""
    is_value = value is None or typed.is_value(type(value))
    return not is_value or isinstance(value, typed.CHANGEABLE)


def record_of(kind: type) -> Record | None:
    """How an object of that class has fields; None for a dict, and for one that has none."""
    if typed.is_value(kind) or kind.__module__.partition(".")[0] == "livekit":
        return None
    return typed.record_of(kind) or typed.Loose(kind)


def shares(saved: Mapping[str, JSON]) -> typed.SharedParts:
    """To put back all that was saved, by field, in one pass."""
    return typed.SharedParts({field: _told(value) for field, value in saved.items()})


def are_shared(saved: JSON) -> bool:
    return bool(_told(saved))


def put_back(target: Any, saved: Attributes, decoder: Decoder, record: Record | None = None) -> Any:
    """Give `target` what was saved. Returns what has it now: `target`, wherever that can be
    changed. What could not be put back is in `decoder.problems`; nothing is raised."""
    record = record or record_of(type(target))
    try:
        if type(saved.value) is not dict or typed.TAGS.keys() & saved.value.keys():
            return _put_whole(target, saved.value, decoder)
        decoder.put_into(target)
        if type(target) is dict:
            _put_members(target, saved, decoder)
        elif record:
            _put_fields(target, saved, decoder, record)
        else:
            decoder.problem((), f"it is a {type(target).__name__} now")
    except Exception as error:  # noqa: BLE001 - whatever the application's objects do
        decoder.problem((), f"not put back ({type(error).__name__})")
    return target


def said(
    problems: Sequence[Problem],
    saved: Attributes,
    now: JSON,
    field: str = "",
    others: Collection[str] = (),
) -> str | None:
    """In words of the report what is not as it was; None if all is. `others` are the objects that
    are there beside this `field`."""
    live = dict.fromkeys(typed.where(p.at) or "itself" for p in problems if p.is_live)
    words = [str(problem) for problem in problems if not problem.is_live]
    words += _parted(field, _told(saved.value), _told(now), {field, *others})
    words += [f"{at or 'it'}: older than it was, as {why}" for at, why in saved.refused.items()]
    named = {str(part) for problem in problems for part in problem.at[:2]}
    words += [f"{at}: not as it was" for at in _different(saved.value, now) if at not in named]
    shown = words[:NAMES_MAX]
    if more := len(words) - len(shown):
        shown.append(f"and {more} more")
    if live:
        shown.append(f"of this process: {', '.join(list(live)[:NAMES_MAX])}")
    return "; ".join(shown) or None


def _parts(target: Any, record: Record | None, name: Name) -> Iterator[tuple[tuple[str, ...], Any]]:
    if type(target) is dict:
        encoder = typed.Encoder(name)
        for key, part in dict.copy(target).items():
            yield (encoder.key(key),), part
    elif record:
        state = record.read(target)
        yield from (((at,), part) for at, part in state.fields.items())
        yield from ((("$more", at), part) for at, part in state.more.items())
    else:
        yield (), target


def _put_whole(target: Any, saved: JSON, decoder: Decoder) -> Any:
    try:
        found = decoder.of(saved, (), old=target)
    except Unfit as error:
        decoder.problem((), str(error), is_live=error.is_live)
        return target
    if type(found) is not type(target):
        decoder.problem((), f"it is a {type(target).__name__} now")
        return target
    if isinstance(target, list | deque | set) and found is not target:
        target.clear()
        (target.update if isinstance(target, set) else target.extend)(found)
        return target
    return found


def _put_members(target: dict[Any, Any], saved: Attributes, decoder: Decoder) -> None:
    """In the order in which they stood; what only this version has stands behind them."""
    now = target | dict(decoder.members(_fields(saved), (), dict(target)))
    keys = [key for name in _order(saved.value) for key in _key(decoder, name) if key in now]
    target.clear()
    target.update({key: now[key] for key in keys} | now)
    for name in saved.gone - BESIDE:
        target.pop(decoder.key(name), None)


def _put_fields(target: Any, saved: Attributes, decoder: Decoder, record: Record) -> None:
    name, _, printed = (saved.type or "").partition(" ")
    kind = type(target)
    if type(record) is typed.Loose and name.rpartition(".")[2] != kind.__name__:
        record = typed.Loose(kind, only={*record.read(target).fields, *dir(kind)})
    decoder.fields(record, target, _fields(saved), printed)
    for name in saved.gone & record.read(target).fields.keys():
        if name not in record.names:
            object.__delattr__(target, name)


def _fields(saved: Attributes) -> dict[str, JSON]:
    return {name: part for name, part in saved.value.items() if name not in BESIDE}


def _order(value: dict[str, JSON]) -> list[str]:
    """The names of the members of a dict, as they stood in it."""
    return [name for name in typed.in_order(value) if name != SHARED]


def _key(decoder: Decoder, name: str) -> Iterator[Any]:
    """The key of that name; none where there can be none, which is named with its member."""
    with contextlib.suppress(Unfit):
        yield decoder.key(name)


def _told(value: JSON) -> JSON:
    return value.get(SHARED) if isinstance(value, dict) else None


def _parted(field: str, before: JSON, now: JSON, there: Collection[str]) -> Iterator[str]:
    """In words the places that held one object, and do not any more."""
    together = [set(group) for group in sharing.groups_of(field, now)]
    for group in sharing.groups_of(field, before):
        known = tuple(place for place in group if place[0] in there)
        if len(known) > 1 and not any(set(known) <= places for places in together):
            yield f"{sharing.words(field, known)}: one object before"
    if isinstance(before, list) and (more := [n for n in before if isinstance(n, int)]):
        yield f"{more[0]} more objects stood in several places"


def _different(saved: JSON, now: JSON) -> Iterator[str]:
    """The fields that do not stand as they were recorded."""
    if not isinstance(saved, dict) or not isinstance(now, dict):
        if not _matches(saved, now):
            yield "it"
        return
    for at, part in saved.items():
        if at == SHARED:
            continue
        if at == ORDER:  # what only this version has stands where it will
            there = [name for name in _order(now) if name in saved]
            if there != [name for name in _order(saved) if name in now]:
                yield "the order"
            continue
        if at == "$more":
            yield from _different(part, now.get(at, {}))
        elif at not in now or not _matches(part, now[at]):
            yield at


def _matches(saved: JSON, now: JSON, *, may_grow: bool = False) -> bool:
    """A record may have fields by now that it had not; the print of its class may be another."""
    if isinstance(saved, dict) and isinstance(now, dict):
        may_grow = may_grow or ("$type" in saved and "$type" in now)
        if not may_grow and saved.keys() != now.keys():
            return False
        return all(
            k in now and _matches(v, now[k], may_grow=k == "$more")
            for k, v in saved.items()
            if k != "$type"
        )
    if isinstance(saved, list) and isinstance(now, list):
        return len(saved) == len(now) and all(map(_matches, saved, now))
    return same(saved, now)
