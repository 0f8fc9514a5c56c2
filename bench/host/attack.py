"""What every attack has: a folder, a seed, a time to end at, and what it found."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Attack:
    """`counts` say what was exercised, `violations` which promise did not hold, and how."""

    name: str
    folder: Path
    seed: int
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def chance(self, *about: object) -> random.Random:
        """Random numbers that are the same for the same seed."""
        return random.Random(":".join(map(str, (self.seed, *about))))  # noqa: S311 - no secret

    def round(self, number: int) -> Path:
        """A new folder."""
        folder = self.folder / f"{self.name}-{number}"
        folder.mkdir(parents=True)
        return folder

    def left_s(self) -> float:
        return self.began + self.seconds - time.monotonic()

    def require(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)

    def require_exercised(self, *names: str) -> None:
        """An attack that hit nothing has shown nothing."""
        for name in names:
            self.require(self.counts[name], f"hit nothing: no {name}")

    def found(self) -> dict[str, Any]:
        return {
            "attack": self.name,
            "seed": self.seed,
            "seconds": round(time.monotonic() - self.began, 1),
            "counts": dict(self.counts),
            "notes": self.notes,
            "violations": self.violations,
        }
