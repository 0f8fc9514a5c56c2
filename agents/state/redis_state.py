"""The state manager's state in Redis, where older agents import it from."""

from unbroken import StateManager

__all__ = ["RedisState"]


class RedisState(StateManager):
    """A StateManager that shares its rooms in the Redis at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__(redis=url)
