"""What LiveKit calls of ours never raises: a TypeError of a handler would reach the call. Where one
of our own steps awaits what others wrote, only the end of our own task goes further."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

log = logging.getLogger(__name__)

P = ParamSpec("P")


def guarded(handler: Callable[P, None]) -> Callable[P, None]:
    """A handler whose errors are logged and go no further."""

    @functools.wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            handler(*args, **kwargs)
        except Exception:
            log.exception("hook failed", extra={"hook": handler.__name__})

    return run


def is_called_off() -> bool:
    """Whether the running task is being cancelled. If it is not, a CancelledError is a failure of
    what it has awaited. False in a thread, where no task runs."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def raise_if_called_off(error: BaseException) -> None:
    """Raises `error` where it is the CancelledError by which the running task itself ends."""
    if isinstance(error, asyncio.CancelledError) and is_called_off():
        raise error


def words_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
