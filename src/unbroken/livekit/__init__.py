"""LiveKit: the only place that imports it."""

from unbroken.coordination.floor import Floor
from unbroken.coordination.holding import Lock, Slot, WindowPlace
from unbroken.coordination.lease import LockFence
from unbroken.coordination.transcript import HeardLine
from unbroken.livekit import refusals
from unbroken.livekit.call import Call, durable
from unbroken.livekit.history import History
from unbroken.livekit.restore.restore import AgentFactories, Restored
from unbroken.livekit.state import arguments
from unbroken.recovery.plan import (
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
    "Floor",
    "HeardLine",
    "History",
    "Lock",
    "LockFence",
    "Plan",
    "Repeat",
    "Restored",
    "Resume",
    "Silent",
    "Slot",
    "WindowPlace",
    "default_plan",
    "durable",
]
