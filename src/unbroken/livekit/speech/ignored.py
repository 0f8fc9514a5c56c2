"""Words that nobody answers, as the application, or LiveKit, has chosen.

Those that will never be an item were heard, so they are in the mark; a successor must not take them
for words that wait. Those of `commit_user_turn(skip_reply=True)` become an item that waits for
nothing.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import Agent, AgentSession

from unbroken.livekit.speech.speech import InFlight


class Ignored:
    """Tells `in_flight` which transcripts are let go."""

    def __init__(self, session: AgentSession[Any], in_flight: InFlight) -> None:
        self._session = session
        self._in_flight = in_flight
        self._skips: asyncio.Future[str] | None = None  # a turn that gets no reply

    def attach(self) -> None:
        self._session.commit_user_turn = self._committing(  # type: ignore[method-assign]
            self._session.commit_user_turn
        )
        clear = self._session.clear_user_turn

        @functools.wraps(clear)
        def clearing() -> None:
            clear()
            self._skips = None
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

    def take_skip(self) -> bool:
        """Whether the application wants no answer to the item that comes now."""
        skips, self._skips = self._skips, None
        return skips is not None and not _was_silence(skips)

    def _committing(
        self, commit: Callable[..., asyncio.Future[str]]
    ) -> Callable[..., asyncio.Future[str]]:
        @functools.wraps(commit)
        def committing(**given: Any) -> asyncio.Future[str]:
            words = commit(**given)
            self._skips = words if given.get("skip_reply") else None
            return words

        return committing

    @property
    def are_new_ones(self) -> bool:
        """Whether LiveKit lets go what is said now: nobody may interrupt what it is saying."""
        speech = self._session.current_speech
        return speech is not None and not speech.allow_interruptions


def _was_silence(words: asyncio.Future[str]) -> bool:
    """Then the item that comes is of a later turn."""
    return words.done() and (words.cancelled() or bool(words.exception()) or not words.result())
