"""The state manager's state in memory, under the seed's name: the only kind there is so far."""

from unbroken import StateManager as MemoryState

__all__ = ["MemoryState"]
