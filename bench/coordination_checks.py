"""Whether what was granted, changed and told is what was promised: each check names what is not.

A holder says from when to when it was sure to hold: from the answer to its release, and never
beyond the time that it was granted, counted from before it asked. Of all processes on a machine
these times are of one clock, so two that overlap are two that held at once.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple


class Held(NamedTuple):
    """One grant of `pool`, held from `since` until `until`."""

    pool: str
    fence: int
    since: float
    until: float


def over_admitted(held: Iterable[Held], limits: Mapping[str, int]) -> list[str]:
    """Moments at which more held a pool than there may be."""
    found, counts = [], defaultdict[str, int](int)
    moments = [(one.since, 1, one.pool) for one in held if one.until > one.since]
    moments += [(one.until, -1, one.pool) for one in held if one.until > one.since]
    for at, change, pool in sorted(moments):  # at one moment who goes is counted first
        counts[pool] += change
        if change > 0 and counts[pool] > limits[pool]:
            found.append(f"{counts[pool]} of {pool} at {at:.6f}, {limits[pool]} may be")
    return found


class Admitted(NamedTuple):
    """One that a window admitted, at some time between when it was asked for and answered."""

    asked: float
    answered: float


def over_windows(admitted: Iterable[Admitted], *, limit: int, per_s: float) -> list[str]:
    """Stretches of `per_s` in which more than `limit` were admitted, wherever between their asking
    and their answer that was. Of all processes on a machine the times are of one clock."""
    found, answered = [], list[float]()
    for one in sorted(admitted, reverse=True):
        insort(answered, one.answered)
        surely = bisect_left(answered, one.asked + per_s)
        if surely > limit:
            found.append(f"{surely} within {per_s:g} s from {one.asked:.6f}, {limit} may be")
    return found


def wrong_fences(held: Iterable[Held], locks: Iterable[str]) -> list[str]:
    """Fences that were given twice, or of a lock in another order than the lock was."""
    by_pool, found = defaultdict[str, list[Held]](list), []
    for one in held:
        by_pool[one.pool].append(one)
    for pool, grants in by_pool.items():
        fences = [one.fence for one in grants]
        if len(set(fences)) < len(fences):
            found.append(f"{len(fences) - len(set(fences))} fences of {pool} were given twice")
    for lock in locks:
        ordered = sorted(one for one in by_pool[lock] if one.until > one.since)
        in_time = sorted(ordered, key=lambda one: one.since)
        backwards = [b for a, b in pairwise(in_time) if b.fence < a.fence]
        found += [
            f"fence {one.fence} of {lock} is smaller than that before it" for one in backwards
        ]
    return found


def lost(acknowledged: Iterable[tuple[str, str]], values: Mapping[str, object]) -> list[str]:
    """Patches (key, member) that were acknowledged and are not there."""
    found = []
    for key, member in acknowledged:
        value = values.get(key)
        if not isinstance(value, dict) or member not in value:
            found.append(f"{member} of {key} is lost")
    return found


def misheard(versions: Sequence[int], last: int) -> list[str]:
    """What a watcher was told, up to the `last` change: each follows on the one before."""
    told = [b - a for a, b in pairwise(versions)]
    missed = sum(step - 1 for step in told if step > 1)
    doubled = sum(1 for step in told if step <= 0)
    found = [f"{missed} changes were missed"] if missed else []
    found += [f"{doubled} changes were told twice, or late"] if doubled else []
    if not versions or versions[-1] != last:
        found.append(f"the last change told is {versions[-1:]}, not {last}")
    return found


def fenced_back(fences: Sequence[int]) -> list[str]:
    """Writes that a lock guards, in the order in which the store made them."""
    late = sum(1 for a, b in pairwise(fences) if b < a)
    return [f"{late} writes came behind one with a newer fence"] if late else []
