"""Booking a table: read the wish, offer, and book only what was offered and agreed to."""

from livekit.agents.llm import ChatContext

from agents.core.order import Offer, Order
from agents.tools.wishes import PARTY_MAX, TEXT_MAX, day_in, party_in

TOO_LONG = "That was too much at once. For which day, and for how many people?"
WHICH_DAY = "For which day would you like the table?"
HOW_MANY = "For how many people?"
SIZE = f"I can book for one to {PARTY_MAX} people. How many will you be?"


def understand(order: Order, request: str) -> str | None:
    """Put the day and number that `request` names into `order`. Returns what is wrong with it."""
    if len(request) > TEXT_MAX:
        return TOO_LONG
    party = party_in(request)
    if party is not None and not 1 <= party <= PARTY_MAX:
        return SIZE
    order.day = day_in(request) or order.day
    order.party = party or order.party
    return None


def next_question(order: Order, history: ChatContext) -> str:
    """What to ask now; with day and number known, the offer, which is remembered as made."""
    if order.day is None:
        return WHICH_DAY
    if order.party is None:
        return HOW_MANY
    order.offer = Offer(day=order.day, party=order.party, said_after=last_said(history))
    return f"{table(order.party, order.day)}. Shall I book it?"


def last_said(history: ChatContext) -> str | None:
    """The id of the caller's last message."""
    said = (i.id for i in reversed(history.items) if i.type == "message" and i.role == "user")
    return next(said, None)


def table(party: int, day: str) -> str:
    when = day.lower() if day.lower() in {"today", "tonight", "tomorrow"} else f"on {day}"
    return f"A table for {party} {when}"
