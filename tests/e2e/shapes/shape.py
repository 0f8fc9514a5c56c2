"""What an agent in the shape of a public example is, how it is killed, and what must come back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit.agents import Agent, AgentSession, APIConnectOptions, JobContext, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

State = dict[str, Any]

RATE = 24_000
CHARACTER_S = 0.08  # of its voice: a line is long enough to be killed in on a slow machine


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An agent, a conversation, and a kill. `at` is asked of the living agent's state."""

    name: str
    what: str
    first: Callable[[], Agent] | None = None  # None: userdata.first()
    agents: Any = ()
    session: Callable[[], dict[str, Any]] = dict
    begin: Callable[[JobContext, AgentSession[Any]], None] | None = None
    rules: tuple[tuple[str, Any], ...] = ()
    greets: str = ""  # what it says by itself at first, as a pattern; "": nothing
    talk: tuple[tuple[str, str], ...] = ()  # what the caller says, and is answered
    last: str | None = None  # and behind it, not answered yet
    killed: str  # in words
    at: Callable[[State], bool]
    back: str  # in words: what came back beside history and contexts
    told: str  # in words: what the caller hears of the successor
    said: str = ""  # what it must say by itself, as a pattern; "": nothing
    then: tuple[tuple[str, str], ...] = ()  # what the caller says, and must be told
    goes_on: bool = True


def listening(state: State) -> bool:
    return bool(state["state"] == "listening")


def speaking(text: str) -> Callable[[State], bool]:
    """While the agent says it, or what follows in the same breath: about five seconds, as a
    loaded machine stalls for some."""
    return lambda state: state["state"] == "speaking" and text in state["spoken"]


class Tone(tts.TTS):
    """A voice that hums as long as a text would take."""

    def __init__(self, voice: str = "ann") -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1
        )
        self.voice = voice

    def update_options(self, *, voice: str) -> None:
        self.voice = voice

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Hum(tts=self, input_text=text, conn_options=conn_options)


class _Hum(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        output_emitter.push(hum(self.input_text))
        output_emitter.flush()


def hum(text: str, rate: int = RATE) -> bytes:
    times = np.arange(int(max(1, len(text)) * CHARACTER_S * rate)) / rate
    return (np.sin(2 * np.pi * 220 * times) * 6_000).astype("<i2").tobytes()
