"""What could not be put back, and where."""

import msgspec

Path = tuple[str | int, ...]  # keys as they are written, and places in lists
INNER = ("$of", "$more", "$order")  # parts of what has another tag


class Problem(msgspec.Struct, frozen=True):
    """What at `at` could not be put back, and why. `is_live`: it is a process's own, and what
    stands there is this process's."""

    at: Path
    why: str
    is_live: bool = False

    def __str__(self) -> str:
        return f"{where(self.at)}: {self.why}" if self.at else self.why


class Unfit(Exception):
    """What was recorded cannot be made here; in words."""

    is_live = False


class LiveElsewhere(Unfit):
    is_live = True


def where(at: Path) -> str:
    """For people: `order.lines[2].price`."""
    parts = (f"[{k}]" if isinstance(k, int) else _shown(k) for k in at)
    return "".join(parts).removeprefix(".")


def _shown(key: str) -> str:
    if key in INNER:
        return ""
    return f".{key.removeprefix('$')}"
