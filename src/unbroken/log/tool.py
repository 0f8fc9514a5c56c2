"""A tool as the log knows it."""

import msgspec

from unbroken.log.entries import ToolEnded


class Tool(msgspec.Struct, kw_only=True):
    """A tool that was started. `status` None: its outcome is not known."""

    call_id: str
    name: str
    arguments: str
    agent: str | None = None  # that was current when it began
    began_at: int = 0  # a moment, see `earlier.py`
    turn: str | None = None  # the id of the person's item that it answers
    key: str | None = None  # of the effect that it is, else of the newest one within it
    retry: str | None = None
    is_effect: bool = False
    status: str | None = None
    output: str | None = None
    end: ToolEnded | None = None
    ended_at: int = 0  # a moment, too
    ended_in: str | None = None  # the turn in which it ended, which may be a later one
    is_told: bool = False  # that it was cut off, or it was called again: nobody tells it once more

    @property
    def note(self) -> str:
        """The name of the note of what the effect within it came to."""
        return note_of(self.key, self.turn)


def note_of(key: str | None, turn: str | None) -> str:
    """The same key is another wish in another turn."""
    return f"unbroken.effect {key} {turn}"
