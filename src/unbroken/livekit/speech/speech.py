"""What the assistant is saying right now: the words written, and how far they were played."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from livekit import rtc
from livekit.agents import Agent
from livekit.agents.llm import ChatChunk
from livekit.agents.voice import io

from unbroken.env import Env
from unbroken.livekit.guard import guarded
from unbroken.livekit.speech.playback import Playhead, Script, rest_of
from unbroken.livekit.speech.replies import Replies
from unbroken.livekit.speech.tee import tee
from unbroken.log.mark import Mark, Speech
from unbroken.log.segments import ends_sentence, whole_words

MARK_S = 0.25
WRITINGS_MAX = 4  # what models wrote and nobody has spoken yet: guesses come and go


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


class Writing:
    """What a model writes. It `goes_on` until it has ended, and behind that if it calls a tool."""

    def __init__(self) -> None:
        self.text = ""
        self.goes_on = True
        self._calls = False

    def __call__(self, chunk: object) -> None:
        self.text += _chunk_text(chunk)
        self._calls = self._calls or _calls_a_tool(chunk)

    def end(self) -> None:
        self.goes_on = self._calls


class Played(NamedTuple):
    """Parts of the present reply that were played to their end: its model may flush in between."""

    text: str = ""
    seconds: float = 0.0
    speech: str = ""  # its id


class InFlight:
    """Gathers the mark. `changed` is called with it four times a second while sound is played, at
    the end of each sentence, and when a final transcript came."""

    def __init__(
        self, env: Env, changed: Callable[[Mark], None], replies: Replies | None = None
    ) -> None:
        self._env = env
        self._changed = changed
        self._replies = replies or Replies()
        self._replies.changed = self.mark
        self.aside_heard: Callable[[str], None] = lambda _text: None  # whole: no item tells of it
        self._agent = ""
        self._writings: deque[Writing] = deque(maxlen=WRITINGS_MAX)
        self._script = Script()
        self._playhead = Playhead(env)
        self._paced = ""  # what LiveKit's pacing has given out of the script
        self._before = Played()
        self._timer: asyncio.TimerHandle | None = None
        self._marked = Mark()
        self._transcripts: list[str] = []
        self.played_ms: int | None = None  # of the newest utterance that ended
        self.generated: str | None = None

    # The words.

    def watch(self, agent: Agent, key: str) -> None:
        """Read along what the agent's model writes and what is to be spoken; nothing changes."""
        written, spoken = agent.llm_node, agent.transcription_node
        agent.llm_node = tee(written, self._writing, Writing.end)  # type: ignore[method-assign]
        agent.transcription_node = tee(spoken, lambda: self._speaking(key))  # type: ignore[method-assign]

    def _writing(self) -> Writing:
        """A model begins; it may be guessing, while something else is spoken."""
        writing = Writing()
        self._writings.append(writing)
        return writing

    def _speaking(self, key: str) -> Callable[[str], None]:
        """What comes now is played next."""
        self._agent = key
        script = self._script = Script()
        return script.write

    def _generated(self) -> str:
        """All that is known of the reply: its model may be ahead of its voice."""
        spoken = self._before.text + self._script.text
        return spoken + self._written()[1]

    def _written(self) -> tuple[Writing | None, str]:
        """The writing that is being spoken, and what of it is not even to be spoken yet."""
        spoken = self._before.text + self._script.text
        for writing in reversed(self._writings):
            if (rest := rest_of(writing.text, spoken)) is not None:
                return writing, rest
        return None, ""

    # The sound.

    @guarded
    def pushed(self, frame: rtc.AudioFrame) -> None:
        self._playhead.push(frame)

    @guarded
    def sound_is_whole(self) -> None:
        self._script.end(self._playhead.sound.seconds)

    @guarded
    def playback_started(self, _event: object) -> None:
        self._playhead.move()
        self._paced = ""
        self._tick()

    @guarded
    def paused(self) -> None:
        self._playhead.pause()

    @guarded
    def resumed(self) -> None:
        self._playhead.move()

    @guarded
    def playback_finished(self, event: io.PlaybackFinishedEvent) -> None:
        """The item is committed right behind this, unless the reply has another part."""
        self.generated = self._generated() if event.interrupted else None
        spoken = self._heard() if event.interrupted else self._script.text
        played_s = self._before.seconds + event.playback_position
        self._before = Played(self._before.text + spoken, played_s, self._replies.current)
        self.played_ms = round(played_s * 1_000)
        self._script, self._playhead, self._paced = Script(), Playhead(self._env), ""
        self.stop()
        if self._replies.is_aside and not event.interrupted:
            self.aside_heard(spoken)

    @guarded
    def reply_ended(self) -> None:
        """Its writing is forgotten: another reply may begin with the same words. If its model calls
        no tool the answer is given. LiveKit ends the speech itself a little later."""
        spoken = self._before.text
        rests = [(writing, rest_of(writing.text, spoken)) for writing in self._writings]
        ended = [(writing, rest) for writing, rest in rests if rest is not None]
        is_realtime = not self._writings  # a realtime model's words are read along only as spoken
        is_whole = is_realtime or any(not rest.strip() for _, rest in ended)
        if spoken and is_whole and not any(writing.goes_on for writing, _ in ended):
            self._replies.given(self._before.speech)
        for writing, _ in ended:
            self._writings.remove(writing)
        self._before = Played()
        self.played_ms = self.generated = None
        if self._marked.speech:  # of what stays out of the chat context no item tells the end
            self.mark()

    def spoken(self, next_in_chain: io.TextOutput | None) -> Spoken:
        """The output that the paced words go through."""
        return Spoken(heard=self.heard, next_in_chain=next_in_chain)

    @guarded
    def heard(self, text: str) -> None:
        """LiveKit's pacing gives out the next words."""
        self._paced += text
        if ends_sentence(self._paced):
            self.mark()

    # The person.

    def transcribed(self, text: str) -> None:
        """A final transcript, not yet part of an item."""
        self._transcripts.append(text)
        self.mark()

    def committed(self) -> None:
        """The user's item is in the log."""
        self._transcripts.clear()

    @guarded
    def ignored(self, count: int | None = None) -> None:
        """The oldest `count` transcripts, or all, will never be an item."""
        if self._transcripts:
            del self._transcripts[:count]
            self.mark()

    @property
    def transcript_count(self) -> int:
        return len(self._transcripts)

    # The mark.

    @guarded
    def mark(self) -> None:
        mark = Mark(self._speech(), tuple(self._transcripts), self._replies.are_owed)
        if mark != self._marked:  # the same while paused
            self._marked = mark
            self._changed(mark)

    @property
    def is_out(self) -> bool:
        """Something of a reply was played that is in no item yet."""
        return bool(self._timer or self._before.text)

    def stop(self) -> None:
        """No mark comes by itself any more, until sound is played again."""
        if self._timer:
            self._timer.cancel()
        self._timer = None

    @guarded
    def _tick(self) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(MARK_S, self._tick)
        self.mark()

    def _speech(self) -> Speech | None:
        """None while nothing of a reply is out."""
        if not self.is_out:
            return None
        heard = self._before.text + self._heard()
        heard_ms = round((self._before.seconds + self._playhead.played_s) * 1_000)
        writing = self._written()[0]
        return Speech(
            self._agent,
            self._generated(),
            heard,
            heard_ms,
            is_said=self._replies.is_said,
            is_aside=self._replies.is_aside,
            goes_on=writing is not None and writing.goes_on and not self._replies.is_said,
        )

    def _heard(self) -> str:
        """Of the part that is played now: what its sound has reached, or LiveKit's pacing."""
        if self._timer is None:
            return ""  # the pacing gives out what is left of the last part
        heard = max(self._script.read(self._playhead), self._paced, key=len)
        is_known = self._script.text.startswith(heard)  # the pacing takes scripts letter by letter
        return whole_words(self._script.text, len(heard)) if is_known else heard


def _calls_a_tool(chunk: object) -> bool:
    return isinstance(chunk, ChatChunk) and bool(chunk.delta and chunk.delta.tool_calls)


def _chunk_text(chunk: object) -> str:
    if isinstance(chunk, ChatChunk):
        return (chunk.delta.content or "") if chunk.delta else ""
    return chunk if isinstance(chunk, str) else ""
