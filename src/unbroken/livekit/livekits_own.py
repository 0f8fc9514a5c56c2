"""The tasks that LiveKit itself offers (`livekit.agents.beta.workflows`): a new holder goes on in
the middle of one.

They hold what no log can: a tool that was built when the answer came, listeners that `on_enter`
added, a timer. It is made again of the attributes that were put back, and by `on_enter`, which
says nothing twice.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import Agent

from unbroken.livekit import fragile
from unbroken.livekit.rerun import WHILE_RUN


class SaidBefore:
    """What `on_enter` says while it runs again was said."""

    def __init__(self) -> None:
        self.is_entering = True

    def was_said(self, _what: object) -> bool:
        return self.is_entering

    def rest(self) -> str:
        return ""


def is_one(agent: Agent) -> bool:
    """Whether it enters by LiveKit's code: a class that extends one may have an `on_enter` of its
    own, which is not known to be harmless twice."""
    on_enter: Any = type(agent).on_enter
    return bool(on_enter.__module__.startswith(fragile.WORKFLOWS))


async def enter_again(agent: Agent, on_enter: Callable[[], Awaitable[None]]) -> None:
    """Behind what an earlier holder of the session had said in it."""
    before = SaidBefore()
    token = WHILE_RUN.set((before,))
    try:
        await on_enter()
    finally:
        before.is_entering = False  # also for what it has started
        WHILE_RUN.reset(token)
    fragile.keep_collecting(agent)
