"""What the assistant is saying right now: the words written, and how far they were played."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

from livekit.agents import Agent
from livekit.agents.llm import ChatChunk
from livekit.agents.voice import io

from unbroken.env import Env
from unbroken.mark import Mark, Speech

MARK_US = 250_000
SENTENCE_ENDS = (".", "!", "?", "…", "。", "\uff1f", "\uff01")


class Spoken(io.TextOutput):
    """The paced words: LiveKit gives them here as they are played, at most a word early."""

    def __init__(
        self, *, heard: Callable[[str], None], next_in_chain: io.TextOutput | None
    ) -> None:
        super().__init__(label="unbroken", next_in_chain=next_in_chain)
        self._heard = heard

    async def capture_text(self, text: str) -> None:
        self._heard(str(text))
        if self.next_in_chain:
            await self.next_in_chain.capture_text(text)

    def flush(self) -> None:
        if self.next_in_chain:
            self.next_in_chain.flush()


class InFlight:
    """Gathers the mark. `changed` is called with it at most four times a second, at the end of
    each sentence, and when a final transcript came."""

    def __init__(self, env: Env, changed: Callable[[Mark], None]) -> None:
        self._env = env
        self._changed = changed
        self._marked_us = 0
        self._written = ""
        self._heard = ""
        self._agent = ""
        self._playing_us: int | None = None
        self._transcripts: list[str] = []
        self.played_ms: int | None = None  # of the newest utterance that ended
        self.generated: str | None = None

    def watch(self, agent: Agent, key: str) -> None:
        """Read along what the agent's model writes and what is to be spoken; nothing changes."""
        written, intended = agent.llm_node, agent.transcription_node
        agent.llm_node = _tee(written, self._writes(key), _chunk_text)  # type: ignore[method-assign]
        agent.transcription_node = _tee(intended, self._intends(key), str)  # type: ignore[method-assign]

    def _writes(self, key: str) -> Callable[[], Callable[[str], None]]:
        def begin() -> Callable[[str], None]:
            self._agent, self._written = key, ""
            return self._write

        return begin

    def _intends(self, key: str) -> Callable[[], Callable[[str], None]]:
        """For `say`: no model writes there. Where one does, its text is ahead already."""

        def begin() -> Callable[[str], None]:
            self._agent = key
            said: list[str] = []

            def intend(text: str) -> None:
                said.append(text)
                whole = "".join(said)
                if not self._written.startswith(whole[: len(self._written)]):
                    self._written = ""
                if len(whole) > len(self._written):
                    self._written = whole

            return intend

        return begin

    def _write(self, text: str) -> None:
        self._written += text

    def playback_started(self, _event: object) -> None:
        self._playing_us = self._env.boot_us()
        self._heard = ""

    def playback_finished(self, event: io.PlaybackFinishedEvent) -> None:
        """The item is committed right behind this."""
        self.played_ms = round(event.playback_position * 1_000)
        self.generated = self._written if event.interrupted else None
        self._playing_us = None
        self._heard, self._written = "", ""

    def heard(self, text: str) -> None:
        self._heard += text
        is_end = self._heard.rstrip().endswith(SENTENCE_ENDS)
        if is_end or self._env.boot_us() - self._marked_us >= MARK_US:
            self.mark()

    def transcribed(self, text: str) -> None:
        """A final transcript, not yet part of an item."""
        self._transcripts.append(text)
        self.mark()

    def committed(self) -> None:
        """The user's item is in the log."""
        self._transcripts.clear()

    def mark(self) -> None:
        self._marked_us = self._env.boot_us()
        self._changed(Mark(self._speech(), tuple(self._transcripts)))

    def _speech(self) -> Speech | None:
        if self._playing_us is None:
            return None
        heard_ms = (self._env.boot_us() - self._playing_us) // 1_000
        return Speech(self._agent, self._written or self._heard, self._heard, heard_ms)


def _chunk_text(chunk: object) -> str:
    if isinstance(chunk, ChatChunk):
        return (chunk.delta.content or "") if chunk.delta else ""
    return chunk if isinstance(chunk, str) else ""


def _tee(
    node: Callable[..., Any],
    begin: Callable[[], Callable[[str], None]],
    text: Callable[[Any], str],
) -> Callable[..., Any]:
    """`node`, each piece of its text shown to what `begin` gives; it returns what it returned:
    a coroutine, text, an iterator or nothing. LiveKit treats them differently."""

    def teed(*args: Any, **kwargs: Any) -> Any:
        made = node(*args, **kwargs)
        if asyncio.iscoroutine(made):
            return awaited(made)
        return shown(made)

    async def awaited(made: Awaitable[Any]) -> Any:
        return shown(await made)

    def shown(made: Any) -> Any:
        if isinstance(made, AsyncIterable):
            return pieces(made)
        if isinstance(made, str):
            begin()(made)
        return made

    async def pieces(made: AsyncIterable[Any]) -> AsyncIterator[Any]:
        show = begin()
        try:
            async for piece in made:
                show(text(piece))
                yield piece
        finally:
            if isinstance(made, AsyncGenerator):
                await made.aclose()

    return teed
