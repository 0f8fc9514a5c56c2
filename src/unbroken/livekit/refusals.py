"""Why an effect was not done, in words that LiveKit lets the model read.

Of any other error it is told "An internal error occurred".
"""

from livekit.agents import ToolError

from unbroken.errors import EffectUnknown, LevelUnavailable, OldFence
from unbroken.live.effect import refusals


class NotDone(ToolError, LevelUnavailable):
    """Nothing was done."""


class NotKnown(ToolError, EffectUnknown):
    """Something may have been done."""


class NotHeld(ToolError, OldFence):
    """Nothing was done: it is for another agent to do."""


def watch() -> None:
    """From here on models are told."""
    refusals.update({LevelUnavailable: NotDone, EffectUnknown: NotKnown, OldFence: NotHeld})
