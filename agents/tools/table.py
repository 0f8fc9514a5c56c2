"""Booking a table: read the wish, offer, and book only what was offered and agreed to."""

from livekit.agents.llm import ChatContext

from agents.core.order import Offer, Order
from agents.tools import times
from agents.tools.wishes import PARTY_MAX, TEXT_MAX, day_in, name_in, party_in

TOO_LONG = "That was too much at once. For which day, and for how many people?"
WHICH_DAY = "For which day would you like the table?"
HOW_MANY = "For how many people?"
DAYS_AS_THEY_ARE = frozenset({"today", "tonight", "tomorrow", "the day after tomorrow"})
SIZE = f"I can book for one to {PARTY_MAX} people. How many will you be?"


def understand(order: Order, request: str) -> str | None:
    """Put what `request` names into `order`: day and number of people, and if they are given
    time and name. Returns what is wrong with it."""
    if len(request) > TEXT_MAX:
        return TOO_LONG
    party = party_in(request)
    if party is not None and not 1 <= party <= PARTY_MAX:
        return SIZE
    order.day = day_in(request) or order.day
    order.party = party or order.party
    order.time = times.time_in(request) or order.time
    order.name = name_in(request) or order.name
    return None


def next_question(order: Order, history: ChatContext) -> str:
    """What to ask now; with day and number known, the offer, which is remembered as made."""
    if order.day is None:
        return WHICH_DAY
    if order.party is None:
        return HOW_MANY
    order.offer = Offer(
        day=order.day, party=order.party, time=order.time, said_after=last_said(history)
    )
    return f"{table(order.party, order.day, time=order.time, name=order.name)}. Shall I book it?"


def last_said(history: ChatContext) -> str | None:
    """The id of the caller's last message."""
    said = (i.id for i in reversed(history.items) if i.type == "message" and i.role == "user")
    return next(said, None)


def table(party: int, day: str, *, time: str | None = None, name: str | None = None) -> str:
    """As it is read out: "A table for 2 tomorrow at 7:30 pm, for Ann"."""
    when = day.lower() if day.lower() in DAYS_AS_THEY_ARE else f"on {day}"
    at = f" at {times.said(time)}" if time else ""
    return f"A table for {party} {when}{at}" + (f", for {name}" if name else "")
