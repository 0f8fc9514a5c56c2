"""What of a call is not safe yet, level by level."""

import msgspec


class LevelLag(msgspec.Struct, frozen=True):
    """What is not that safe yet: how many entries, and how old the oldest of them is."""

    entries: int
    seconds: float


class Lag(msgspec.Struct, frozen=True):
    process: LevelLag
    disk: LevelLag
    service: LevelLag
    degraded: str | None  # why, in words; None when all is well
