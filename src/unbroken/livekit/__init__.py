"""LiveKit: the only place that imports it."""

from unbroken.livekit.agent import Call, durable
from unbroken.livekit.history import History

__all__ = ["Call", "History", "durable"]
