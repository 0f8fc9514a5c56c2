"""What is known of the caller's wishes: the userdata of the session, saved with it."""

from dataclasses import dataclass, field


@dataclass
class Offer:
    """A booking that was read out; only a later "yes" books it."""

    day: str
    party: int
    said_after: str | None  # the caller's message to which the offer was the answer
    time: str | None = None


@dataclass
class Order:
    name: str | None = None
    day: str | None = None
    party: int | None = None
    time: str | None = None  # "19:30"; a table can be booked without one
    offer: Offer | None = None
    booked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
