"""The difference between two JSON values, as a short list of changes."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from unbroken.log.plain import JSON


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """At the path `at` there is now `to`; with `keep`, behind that many places of a list; with
    `is_gone`, nothing any more."""

    at: tuple[str, ...] = ()
    to: JSON = None
    keep: int | None = None
    is_gone: bool = False


def diff(before: JSON, now: JSON, at: tuple[str, ...] = ()) -> Iterator[Change]:
    """What leads from one to the other: nothing where they are equal, types included."""
    if same(before, now):
        return
    are_dicts = isinstance(before, dict) and isinstance(now, dict)
    if are_dicts and (not at or before.keys() & now.keys()):
        yield from (Change((*at, key), is_gone=True) for key in before.keys() - now.keys())
        for key, value in now.items():
            if key in before:
                yield from diff(before[key], value, (*at, key))
            else:
                yield Change((*at, key), value)
    elif isinstance(before, list) and isinstance(now, list) and (keep := _kept(before, now)):
        yield Change(at, now[keep:], keep)
    else:
        yield Change(at, now)


def changed(value: JSON, changes: Iterable[Change]) -> JSON:
    """`value` with the changes made, in place where it can be. A change to a place that is not
    there makes the place."""
    root = {"": value}
    for change in changes:
        _change(root, ("", *change.at), change)
    return root.get("")


def inverse(value: JSON, change: Change) -> Change:
    """What leads back to `value` once the change is made."""
    place: JSON = value
    for n, key in enumerate(change.at):
        if not isinstance(place, dict):
            return Change(change.at[:n], place)
        if key not in place:
            return Change(change.at[: n + 1], is_gone=True)
        place = place[key]
    if isinstance(place, list) and change.keep is not None:
        return Change(change.at, place[change.keep :], min(change.keep, len(place)))
    return Change(change.at, place)


def same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: 1, 1.0 and true are three values."""
    if one != other:
        return False
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _kept(before: Sequence[JSON], now: Sequence[JSON]) -> int:
    pairs = enumerate(zip(before, now, strict=False))
    return next((k for k, (x, y) in pairs if not same(x, y)), min(len(before), len(now)))


def _change(place: dict[str, JSON], at: Sequence[str], change: Change) -> None:
    for key in at[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    last = at[-1]
    if change.is_gone:
        place.pop(last, None)
    elif change.keep is None:
        place[last] = change.to
    else:
        known = place.get(last)
        kept = known[: change.keep] if isinstance(known, list) else []
        place[last] = [*kept, *(change.to if isinstance(change.to, list) else ())]
