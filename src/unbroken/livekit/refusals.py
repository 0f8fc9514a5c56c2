"""Why an effect was not done, in words that LiveKit lets the model read.

Of any other error it is told "An internal error occurred".
"""

from livekit.agents import ToolError

from unbroken.errors import EffectUnknown, LevelUnavailable
from unbroken.live.effect import refusals


class NotDone(ToolError, LevelUnavailable):
    """Nothing was done."""


class NotKnown(ToolError, EffectUnknown):
    """Something may have been done."""


def watch() -> None:
    """From here on models are told."""
    refusals.update({LevelUnavailable: NotDone, EffectUnknown: NotKnown})
