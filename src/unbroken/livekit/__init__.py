"""LiveKit: the only place that imports it."""

from unbroken.livekit import arguments, refusals
from unbroken.livekit.agent import Call, durable
from unbroken.livekit.history import History
from unbroken.livekit.restore import AgentFactories, Restored
from unbroken.recovery import (
    Answer,
    AskAgain,
    Bridge,
    Custom,
    Facts,
    Plan,
    Repeat,
    Resume,
    Silent,
    default_plan,
)

arguments.watch()
refusals.watch()

__all__ = [
    "AgentFactories",
    "Answer",
    "AskAgain",
    "Bridge",
    "Call",
    "Custom",
    "Facts",
    "History",
    "Plan",
    "Repeat",
    "Restored",
    "Resume",
    "Silent",
    "default_plan",
    "durable",
]
