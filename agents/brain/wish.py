"""A caller's wish for a table, as far as it is known; and in which words it is passed on."""

from dataclasses import dataclass, fields
from typing import Literal

from agents.tools.wishes import PARTY_MAX

Slot = Literal["day", "time", "party", "name"]
ORDER: tuple[Slot, ...] = ("day", "time", "party", "name")  # in which they are asked for


@dataclass(frozen=True, kw_only=True)
class Wish:
    day: str | None = None
    time: str | None = None
    party: int | None = None
    name: str | None = None

    @property
    def missing(self) -> Slot | None:
        """What is asked for next; None: the table can be offered."""
        return next((slot for slot in ORDER if getattr(self, slot) is None), None)

    @property
    def is_empty(self) -> bool:
        return all(getattr(self, field.name) is None for field in fields(self))

    @property
    def is_too_large(self) -> bool:
        return self.party is not None and not 1 <= self.party <= PARTY_MAX

    def changed_by(self, other: "Wish") -> "Wish":
        """With what `other` knows in place of what was known before."""
        known = {f.name: getattr(other, f.name) for f in fields(other)}
        return Wish(**(vars(self) | {name: v for name, v in known.items() if v is not None}))

    def request(self) -> str:
        """As a tool reads it."""
        parts = [
            f"A table for {self.party} people" if self.party else "",
            self.day or "",
            f"at {self.time}" if self.time else "",
            f"name {self.name}" if self.name else "",
        ]
        return ", ".join(filter(None, parts))
