"""Words that will never be an item: the application, or LiveKit, has chosen to ignore them.

They were heard, so they are in the mark; a successor must not take them for words that wait.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import Agent, AgentSession

from unbroken.livekit.speech import InFlight


class Ignored:
    """Tells `in_flight` which transcripts are let go."""

    def __init__(self, session: AgentSession[Any], in_flight: InFlight) -> None:
        self._session = session
        self._in_flight = in_flight

    def attach(self) -> None:
        clear = self._session.clear_user_turn

        @functools.wraps(clear)
        def clearing() -> None:
            clear()
            self._in_flight.ignored()

        self._session.clear_user_turn = clearing  # type: ignore[method-assign]

    def watch(self, agent: Agent) -> None:
        """A turn that its `on_user_turn_completed` stops, or fails on, is over without an item."""
        completed: Callable[..., Awaitable[None]] = agent.on_user_turn_completed

        async def completing(*args: Any, **kwargs: Any) -> None:
            count = self._in_flight.transcript_count
            try:
                await completed(*args, **kwargs)
            except Exception:
                self._in_flight.ignored(count)
                raise

        agent.on_user_turn_completed = completing  # type: ignore[method-assign]

    @property
    def are_new_ones(self) -> bool:
        """Whether LiveKit lets go what is said now: nobody may interrupt what it is saying."""
        speech = self._session.current_speech
        return speech is not None and not speech.allow_interruptions
