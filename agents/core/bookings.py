"""The second agent: takes a booking to its end, then hands the caller back."""

import asyncio
import logging
import os
import sqlite3

from livekit.agents import Agent, RunContext, function_tool
from livekit.agents.llm import ChatContext

from agents.core.order import Offer, Order
from agents.persona import DESK_GREETINGS, DESK_INSTRUCTIONS
from agents.tools.booking_book import Booking, BookingBook, path_from
from agents.tools.caller import call_by_name, tell_booked, tell_name
from agents.tools.notes import keep_note, read_notes
from agents.tools.table import last_said, next_question, table, understand
from unbroken import current_effect, effect

log = logging.getLogger(__name__)

ASK_FIRST = "I have not booked anything yet. Please answer first."
NOT_BOOKED = "I cannot reach the booking book, so nothing is booked. Please try again later."


class Bookings(Agent):
    """Books a table that the caller agreed to in a message after the offer.

    Nobody is stuck here: notes, names and all talk work as they do with the first agent.
    """

    def __init__(self, back: Agent, *, chat_ctx: ChatContext | None = None) -> None:
        super().__init__(
            instructions=DESK_INSTRUCTIONS,
            chat_ctx=chat_ctx,
            tools=[keep_note, read_notes, call_by_name, tell_name, tell_booked],
        )
        self._back = back

    async def on_enter(self) -> None:
        """Say who speaks now, and what is asked next."""
        history = self.session.history
        self.session.say(f"{_greeting(history)} {next_question(self.session.userdata, history)}")

    @function_tool
    async def change_booking(self, context: RunContext[Order], request: str) -> str:
        """Set or change the day, the time, the name or the number of people: today, tonight,
        tomorrow, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, one, two, three,
        four, five, six, seven, eight, nine, ten or more people; make it another day.

        Args:
            request: What the caller said of day, time, people and name, in their own words.
        """
        problem = understand(context.userdata, request)
        return problem or next_question(context.userdata, context.session.history)

    @function_tool
    @effect(retry="query")
    async def confirm_booking(self, context: RunContext[Order]) -> str | tuple[Agent, str]:
        """Book the table as offered, only after yes, yeah, yep, sure, okay, ok, right, correct,
        go ahead or do it.
        """
        order = context.userdata
        if order.offer is None:
            return next_question(order, context.session.history)
        if order.offer.said_after == last_said(context.session.history):
            return ASK_FIRST
        try:
            booked = await _book(order.offer, order.name)
        except sqlite3.Error:
            log.exception("booking failed")
            return NOT_BOOKED
        said = table(booked.party, booked.day, time=booked.time, name=booked.name)
        order.booked.append(said)
        _forget_wish(order)
        return await self._handed_back(), f"{said} is booked."

    @function_tool
    async def cancel_booking(self, context: RunContext[Order]) -> tuple[Agent, str]:
        """Leave without booking: no, nope, cancel, stop, nothing, never mind, forget it."""
        _forget_wish(context.userdata)
        return await self._handed_back(), "All right, nothing is booked."

    async def _handed_back(self) -> Agent:
        """The first agent, knowing what was said here."""
        known = self._back.chat_ctx.copy()
        known.merge(self.chat_ctx, exclude_function_call=True, exclude_instructions=True)
        await self._back.update_chat_ctx(known)
        return self._back


def _greeting(history: ChatContext) -> str:
    """By how much the caller has said so far: who comes twice is not greeted in the same words."""
    turns = sum(item.type == "message" and item.role == "user" for item in history.items)
    return DESK_GREETINGS[turns % len(DESK_GREETINGS)]


async def _book(offer: Offer, name: str | None) -> Booking:
    """The key is the attempt's: after a crash in here the same attempt finds its booking."""
    key = current_effect().key
    wanted = Booking(key=key, day=offer.day, party=offer.party, time=offer.time, name=name)
    return await asyncio.to_thread(BookingBook(path_from(os.environ)).book, wanted)


def _forget_wish(order: Order) -> None:
    order.day = order.time = order.party = order.offer = None
