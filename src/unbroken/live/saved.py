"""A save that is done before it returns, and may still be awaited."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any


class Saved(Coroutine[Any, Any, bool]):
    """What was said is in the journal already. Await it, give it to `asyncio.create_task`, or
    drop it without a warning: nothing is lost either way. Awaited, it tells whether the entries
    are stored by the service within a second.
    """

    def __init__(self, n: int, stored: Callable[[], Awaitable[bool]]) -> None:
        self.n = n  # the number of the newest entry that this save wrote
        self._stored = stored
        self._running: Generator[Any, Any, bool] | None = None

    def __await__(self) -> Generator[Any, Any, bool]:
        return self._stored().__await__()

    def send(self, value: Any) -> Any:
        self._running = self._running or self.__await__()
        return self._running.send(value)

    def throw(self, *error: Any) -> Any:
        self._running = self._running or self.__await__()
        return self._running.throw(*error)

    def close(self) -> None:
        if self._running:
            self._running.close()
