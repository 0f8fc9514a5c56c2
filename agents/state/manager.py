"""The state manager, where older agents import it from."""

from unbroken import StateManager

__all__ = ["StateManager"]
