"""Durable state for LiveKit voice agents. Kill the agent mid-sentence: the conversation goes on."""

from unbroken.backend_client import BackendClient, LLMMessage
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    Conflict,
    InvalidInput,
    JournalUnwritable,
    LevelUnavailable,
    NotFound,
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
    "Level",
    "LevelLag",
    "LevelUnavailable",
    "NotFound",
    "Participant",
    "RoomServerUnavailable",
    "Saved",
    "SettingsInvalid",
    "StateManager",
    "StateRefused",
    "TooLarge",
    "Unauthorized",
    "UnbrokenError",
    "__version__",
    "current_effect",
    "effect",
]
