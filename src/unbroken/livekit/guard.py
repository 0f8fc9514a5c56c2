"""What LiveKit calls of ours never raises: a TypeError of a handler would reach the call."""

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
