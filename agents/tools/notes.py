"""Notes for the length of the call: kept in the session's userdata."""

import re

from livekit.agents import RunContext, function_tool

from agents.core.order import Order

NOTES_MAX = 20
NOTE_MAX = 200  # characters: what can be read back in a breath or two

_LEAD_IN = re.compile(
    r"^\W*(?:(?:please|can you|could you)\s+)*"
    r"(?:(?:make|take|keep) (?:a )?note|note(?: down)?|remember|write(?: it| this)? down)"
    r"(?:\s+that|\s*[:,])?\s+",
    re.IGNORECASE,
)


@function_tool
async def keep_note(context: RunContext[Order], note: str) -> str:
    """Make a note: remember or write down what the caller says.

    Args:
        note: What to note, in the caller's own words.
    """
    notes = context.userdata.notes
    text = _printable(note)
    text = _LEAD_IN.sub("", text) or text
    if not text:
        return "I did not hear what to note."
    if len(text) > NOTE_MAX:
        return "That is too long for one note. Please say it shorter."
    if len(notes) >= NOTES_MAX:
        return f"I already have {NOTES_MAX} notes, more I cannot keep."
    if text not in notes:
        notes.append(text)
    return f"I noted: {text}"


@function_tool
async def read_notes(context: RunContext[Order]) -> str:
    """Read or list the notes back."""
    notes = context.userdata.notes
    if not notes:
        return "You have no notes yet."
    return f"Your notes: {'; '.join(note.rstrip('.') for note in notes)}."


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
