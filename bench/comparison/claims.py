"""What the usual page says, one claim after the other, and whether it is so: judged by the
figures of a run, so that another run may come to another end."""

from dataclasses import dataclass
from typing import Any

from bench.comparison.names import (
    AWAY,
    DOCUMENT,
    JOURNAL,
    MEMORY,
    NATIVE,
    OURS,
    REDIS,
    SHORT_LIST,
    THERE,
)
from bench.comparison.plots import micro
from bench.comparison.tables import Found, growth, row, turns

MS = 1e3  # in µs
ABOUT_MS = 2 * MS  # "about 1 ms", on a machine with other work
SAVED_MS = (4, 12)  # "7 ms"
UNBLOCKED_MS = 2  # less is the timer's
RIGHT, WRONG = "right", "**wrong**"
EARLY = "right early in a call, **wrong** later"


@dataclass(frozen=True)
class Claim:
    said: str
    measured: str
    verdict: str


def all_of(found: Found) -> list[Claim]:
    those = (
        _redis_access, _native_access, _redis_write, _native_write, _seven_ms, _unblocked,
        _redis_needed, _same, _failover,
    )  # fmt: skip
    return [claim(found) for claim in those]


def of_ours(found: Found) -> list[dict[str, Any]]:
    """The losses of our ways, under both conditions."""
    ways = [(way, servers) for way in OURS.values() for servers in (THERE, AWAY)]
    return [row(found, "losses", way=way, servers=servers) for way, servers in ways]


def _judged(is_right: bool) -> str:
    return RIGHT if is_right else WRONG


def _while_short(early: float, late: float) -> str:
    """Of a time in µs that is said to be about 1 ms, however long the call."""
    if early > ABOUT_MS:
        return WRONG
    return RIGHT if late <= ABOUT_MS else EARLY


def _us(found: Found, part: str, **wanted: object) -> float:
    return float(row(found, part, **wanted)["us"]["p50"])


def _redis_access(found: Found) -> Claim:
    first, *_, last = turns(found, "access")
    own = _us(found, "access", way=SHORT_LIST, turn=first, what="get")
    early, late = (_us(found, "access", way=DOCUMENT, turn=t, what="get") for t in (first, last))
    return Claim(
        "State access over Redis is a network call, about 1 ms",
        f"{micro(own)} for a value in a key of its own; where the call is one JSON text, "
        f"{micro(early)} at turn {first:,} and {micro(late)} at turn {last:,}",
        _while_short(early, late),
    )


def _native_access(found: Found) -> Claim:
    *_, last = turns(found, "access")
    native, ours = (
        _us(found, "access", way=way, turn=last, what="get") for way in (MEMORY, JOURNAL)
    )
    return Claim(
        "Native state is read in less than 0.1 ms",
        f"{micro(native)}; ours {micro(ours)}, from memory too",
        _judged(native < MS / 10),
    )


def _redis_write(found: Found) -> Claim:
    first, *_, last = turns(found, "adding")
    early, late = (_us(found, "adding", way=DOCUMENT, turn=turn) for turn in (first, last))
    return Claim(
        "A message is written to Redis in 1 ms",
        f"{micro(early)} at turn {first:,}, {micro(late)} at turn {last:,}: it grows with the "
        f"call, to {growth(found)} as long",
        _while_short(early, late),
    )


def _native_write(found: Found) -> Claim:
    *_, last = turns(found, "adding")
    native, ours = (_us(found, "adding", way=way, turn=last) for way in (MEMORY, JOURNAL))
    return Claim(
        "A message is added to memory in less than 0.1 ms",
        f"{micro(native)} at turn {last:,}; ours, in memory and in the journal, {micro(ours)}",
        _judged(native < MS / 10),
    )


def _seven_ms(found: Found) -> Claim:
    saved = {turn: _saved_ms(found, turn) for turn in turns(found, "pipeline")}
    low, high = SAVED_MS
    return Claim(
        "A native turn is 7 ms shorter (757 against 750 ms)",
        "; ".join(f"{ms:.1f} ms at turn {turn:,}" for turn, ms in saved.items()),
        _judged(all(low <= ms <= high for ms in saved.values())),
    )


def _saved_ms(found: Found, turn: int) -> float:
    with_redis, native = (
        row(found, "pipeline", way=way, turn=turn)["beyond"]["median_difference"]
        for way in (REDIS, NATIVE)
    )
    return float(with_redis - native)


def _unblocked(found: Found) -> Claim:
    first, *_ = turns(found, "pipeline")
    beyond = row(found, "pipeline", way=NATIVE, turn=first)["beyond"]
    return Claim(
        "The save in a task does not block the conversation",
        f"{beyond['median_difference'] + 0.0:.1f} ms beyond a turn that keeps nothing",
        _judged(beyond["from"] < UNBLOCKED_MS),
    )


def _redis_needed(found: Found) -> Claim:
    return Claim(
        "One agent in a room needs no Redis",
        f"{_told(of_ours(found))} with our journal and no Redis, {_told(_of_redis(found))} with it",
        _judged(_is_ours_better(found)),
    )


def _same(found: Found) -> Claim:
    there, away = (row(found, "losses", way=NATIVE, servers=s) for s in (THERE, AWAY))
    return Claim(
        "Native has the same functionality; the backend persists",
        f"{there['kills_with_loss']} of {there['kills']} kills lost messages while the backend "
        f"answered, {away['kills_with_loss']} of {away['kills']} while it was down",
        _judged(there["lost"] + away["lost"] == 0),
    )


def _failover(found: Found) -> Claim:
    there, away = _of_redis(found)
    return Claim(
        "To resume a crashed agent exactly, a StateManager on Redis is needed",
        f"with Redis {_told([there])}, and {_told([away])} where it was down; by a journal "
        f"{_told(of_ours(found))}",
        _judged(not _is_ours_better(found)),
    )


def _of_redis(found: Found) -> list[dict[str, Any]]:
    return [row(found, "losses", way=REDIS, servers=servers) for servers in (THERE, AWAY)]


def _is_ours_better(found: Found) -> bool:
    """A smaller share is lost in each condition, on each database, than with Redis."""
    redis = {r["servers"]: r["lost"] / r["said"] for r in _of_redis(found)}
    return all(r["lost"] / r["said"] < redis[r["servers"]] for r in of_ours(found))


def _told(losses: list[dict[str, Any]]) -> str:
    lost, said = (sum(r[what] for r in losses) for what in ("lost", "said"))
    return f"{lost:,} of {said:,} messages lost"
