"""Waiting for what happens. A wait that ends in vain says what was there instead."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

WAIT_S = 90.0  # many times what anything here takes; a loaded machine takes 20
LOOK_S = 0.02


async def until(condition: Callable[[], Any], *, within_s: float = WAIT_S) -> Any:
    """What the condition gives, once that is something. TimeoutError says what was seen instead:
    whatever the condition asks that can say it, by a method `seen`."""
    try:
        async with asyncio.timeout(within_s):
            while not (found := condition()):
                await asyncio.sleep(LOOK_S)
            return found
    except TimeoutError:
        raise TimeoutError(f"in vain for {within_s} s\n{seen(condition)}") from None


def seen(condition: Callable[[], Any]) -> str:
    asked = {"self": getattr(condition, "__self__", None)}
    if is_function := inspect.isfunction(condition):
        asked = dict(inspect.getclosurevars(condition).nonlocals)
    told = (f"== {name}\n{_told(value)}" for name, value in asked.items() if hasattr(value, "seen"))
    what = inspect.getsource(condition).strip() if is_function else repr(condition)
    return "\n".join([what, *told])


def _told(value: Any) -> str:
    try:
        return str(value.seen())
    except Exception as error:  # noqa: BLE001 - the service that it asks may be what is missing
        return repr(error)
