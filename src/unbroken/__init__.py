"""Durable state for LiveKit voice agents. Kill the agent mid-sentence: the conversation goes on."""

from unbroken.backend_client import BackendClient, LLMMessage
from unbroken.coordination.changes import StateChange
from unbroken.coordination.scope import StateOwner
from unbroken.coordination.state import State
from unbroken.coordination.stream import StateSnapshot
from unbroken.coordination.watched import MemoryState
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    Conflict,
    InvalidInput,
    JournalUnwritable,
    LeaseLost,
    LevelUnavailable,
    LimitReached,
    Locked,
    NotFound,
    OldFence,
    OtherVersion,
    RoomServerUnavailable,
    SettingsInvalid,
    StateRefused,
    TooLarge,
    Unauthorized,
    UnbrokenError,
)
from unbroken.live.effect import Effect, current_effect, effect
from unbroken.live.lag import Lag, LevelLag
from unbroken.live.live import Level
from unbroken.live.saved import Saved
from unbroken.log.session import Participant
from unbroken.state_manager import StateManager
from unbroken.version import __version__

__all__ = [
    "ArchiveUnavailable",
    "BackendClient",
    "CallTaken",
    "Conflict",
    "Effect",
    "InvalidInput",
    "JournalUnwritable",
    "LLMMessage",
    "Lag",
    "LeaseLost",
    "Level",
    "LevelLag",
    "LevelUnavailable",
    "LimitReached",
    "Locked",
    "MemoryState",
    "NotFound",
    "OldFence",
    "OtherVersion",
    "Participant",
    "RoomServerUnavailable",
    "Saved",
    "SettingsInvalid",
    "State",
    "StateChange",
    "StateManager",
    "StateOwner",
    "StateRefused",
    "StateSnapshot",
    "TooLarge",
    "Unauthorized",
    "UnbrokenError",
    "__version__",
    "current_effect",
    "effect",
]
