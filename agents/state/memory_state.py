"""The state manager's state in memory, where older agents import it from."""

from unbroken import StateManager as MemoryState

__all__ = ["MemoryState"]
