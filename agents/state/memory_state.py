"""The state manager's state in memory, where older agents import it from: the only kind so far."""

from unbroken import StateManager as MemoryState

__all__ = ["MemoryState"]
