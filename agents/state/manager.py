"""The state manager under the seed's name."""

from unbroken import StateManager

__all__ = ["StateManager"]
