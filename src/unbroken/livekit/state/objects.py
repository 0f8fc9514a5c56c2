"""An object whose attributes are kept: the session's userdata, or one of its agents.

It is read field by field, each field in the JSON of `typed`; an object that has no fields (a list,
a number) is read whole. It is put back field by field, into the same object.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from unbroken import typed
from unbroken.log.attributes import Attributes
from unbroken.log.changes import same
from unbroken.log.entries import JSON
from unbroken.typed import Decoder, Name, Problem, Record, TooMuch, Unfit, type_name

NAMES_MAX = 20  # in a report: it is for people
WHOLE = ""  # stands for a field where an object has none
SHARED = "$shared"  # beside the fields: those together that hold the same object


class Reading(NamedTuple):
    """What an object holds now. `refused` are the fields that no entry could hold, and why."""

    type: str
    value: JSON
    refused: dict[str, str]


def read(target: object, name: Name, record: Record | None = None) -> Reading:
    """`name` gives the name of what is only referred to; `record` how the object is read, if its
    class does not say it."""
    kind = type(target)
    fields: dict[str, JSON] = {}
    refused: dict[str, str] = {}
    whole: JSON = fields
    shared = typed.Shared()

    def inner(value: object) -> str | None:
        return typed.ITSELF if value is target else name(value)

    for at, part in _parts(target, record or record_of(kind), name):
        shared.field = at[-1] if at else WHOLE
        try:
            found = typed.encode(part, inner if at else name, shared.see)
        except TooMuch as error:
            refused[at[-1] if at else WHOLE] = f"it is {error}"
        except Exception as error:  # noqa: BLE001 - it changes meanwhile, or is very odd
            refused[at[-1] if at else WHOLE] = f"it cannot be read ({type(error).__name__})"
        else:
            if not at:
                whole = found
            else:
                (fields.setdefault("$more", {}) if len(at) > 1 else fields)[at[-1]] = found
    if whole is fields and (groups := shared.groups()):
        fields[SHARED] = groups
    return Reading(type_name(kind), whole, refused)


def record_of(kind: type) -> Record | None:
    """How an object of that class has fields; None for a dict, and for one that has none."""
    if typed.is_value(kind) or kind.__module__.partition(".")[0] == "livekit":
        return None
    return typed.record_of(kind) or typed.Loose(kind)


def put_back(target: Any, saved: Attributes, decoder: Decoder, record: Record | None = None) -> Any:
    """Give `target` what was saved. Returns what has it now: `target`, wherever that can be
    changed. What could not be put back is in `decoder.problems`; nothing is raised."""
    record = record or record_of(type(target))
    try:
        if type(saved.value) is not dict or typed.TAGS.keys() & saved.value.keys():
            return _put_whole(target, saved.value, decoder)
        decoder.itself = target
        if type(target) is dict:
            _put_members(target, saved, decoder)
        elif record:
            _put_fields(target, saved, decoder, record)
        else:
            decoder.problem((), f"it is a {type(target).__name__} now")
    except Exception as error:  # noqa: BLE001 - whatever the application's objects do
        decoder.problem((), f"not put back ({type(error).__name__})")
    return target


def said(problems: Sequence[Problem], saved: Attributes, now: JSON) -> str | None:
    """In words of the report what is not as it was; None if all is."""
    live = dict.fromkeys(typed.where(p.at) or "itself" for p in problems if p.is_live)
    words = [str(problem) for problem in problems if not problem.is_live]
    words += [f"{' and '.join(group)}: one object before" for group in _parted(saved.value, now)]
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
    target.update(decoder.members(_fields(saved), (), dict(target)))
    for name in saved.gone - {SHARED}:
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
    return {name: part for name, part in saved.value.items() if name != SHARED}


def _parted(saved: JSON, now: JSON) -> list[list[str]]:
    """The fields that held the same object, and do not any more."""
    before, after = (
        value.get(SHARED, []) if isinstance(value, dict) else [] for value in (saved, now)
    )
    return [group for group in before if group not in after]


def _different(saved: JSON, now: JSON) -> Iterator[str]:
    """The fields that do not stand as they were recorded."""
    if not isinstance(saved, dict) or not isinstance(now, dict):
        if not _matches(saved, now):
            yield "it"
        return
    for at, part in saved.items():
        if at == SHARED:
            continue
        if at == "$more":
            yield from _different(part, now.get(at, {}))
        elif at not in now or not _matches(part, now[at]):
            yield at


def _matches(saved: JSON, now: JSON) -> bool:
    """A record may have fields by now that it had not; the print of its class may be another."""
    if isinstance(saved, dict) and isinstance(now, dict):
        is_record = "$type" in saved and "$type" in now
        if not is_record and saved.keys() != now.keys():
            return False
        return all(k in now and _matches(v, now[k]) for k, v in saved.items() if k != "$type")
    if isinstance(saved, list) and isinstance(now, list):
        return len(saved) == len(now) and all(map(_matches, saved, now))
    return same(saved, now)
