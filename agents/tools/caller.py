"""What is known of the caller: their name, and what they booked. Kept in the session's userdata."""

from livekit.agents import RunContext, function_tool

from agents.core.order import Order
from agents.tools.wishes import name_from, name_in


@function_tool
async def call_by_name(context: RunContext[Order], name: str) -> str:
    """Learn the caller's name: my name is.

    Args:
        name: The name, as the caller gave it.
    """
    known = name_in(name) or name_from(name)
    if known is None:
        return "I did not catch your name. Please say: my name is, and then your name."
    context.userdata.name = known
    return f"Nice to meet you, {known}."


@function_tool
async def tell_name(context: RunContext[Order]) -> str:
    """Say what the caller's name is."""
    name = context.userdata.name
    if name is None:
        return "I do not know your name yet. Please say: my name is, and then your name."
    return f"Your name is {name}."


@function_tool
async def tell_booked(context: RunContext[Order]) -> str:
    """Say which tables were booked in this call."""
    booked = context.userdata.booked
    if not booked:
        return "Nothing stands in the book for you from this call."
    return f"In the book stands: {'; '.join(booked)}."
