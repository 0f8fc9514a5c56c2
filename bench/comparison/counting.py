"""Counts what was said and is not stored. Knows no store and no process."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Witness:
    """What a killed agent had told: the names of what was said, in order, and whether the last of
    it was still being kept when it was killed."""

    said: tuple[str, ...]
    is_last_open: bool
    session: str | None = None


def witness(told: Iterable[Sequence[object]]) -> Witness:
    """From the facts that a victim told."""
    said: list[str] = []
    kept, session = 0, None
    for name, *values in told:
        if name == "said":
            said.append(str(values[0]))
        elif name == "kept":
            kept += 1
        elif name == "session":
            session = str(values[0])
    return Witness(tuple(said), kept < len(said), session)


@dataclass(frozen=True)
class Loss:
    """Of one agent: `lost` of `said` are nowhere; `went_on` of them although the agent had gone on
    as if they were kept."""

    said: int
    lost: int
    went_on: int


def loss(seen: Witness, stored: Collection[str]) -> Loss:
    missing = [name for name in seen.said if name not in stored]
    is_open_missing = bool(seen.is_last_open and missing and missing[-1] == seen.said[-1])
    return Loss(len(seen.said), len(missing), len(missing) - is_open_missing)
