"""Text to speech: hibari's voice "heart" as a LiveKit plugin."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hibari import Hibari
from livekit.agents import APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from numpy.typing import NDArray

VOICE_RATE = 24_000
INT16_MAX = 32_767
SILENT_PEAK = 300  # of 32,767: nobody hears less
ONSET_S = 0.01  # kept before the first sound, so that a consonant does not click
UNSPEAKABLE_S = 0.05  # how long a text without any sound is: "..." is no error


class HibariTTS(tts.TTS[Any]):
    """Whole sentences to 24 kHz speech. AgentSession adds the sentence tokenizer by itself.

    The same text, `seed` and one thread give the same bytes on one kind of processor.
    """

    def __init__(self, *, threads: int = 1, seed: int = 0, speed: float = 1.0) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=VOICE_RATE,
            num_channels=1,
        )
        self.seed = seed
        self.speed = speed
        self.voice = Hibari(threads=threads)  # no `voice=`: any other one would be downloaded
        self.executor = ThreadPoolExecutor(1, "hibari")

    @property
    def model(self) -> str:
        return "hibari-heart"

    @property
    def provider(self) -> str:
        return "embedded"

    def warm_up(self) -> None:
        """Load the pronunciation and speak a word; the first sentence is late without it."""
        self.voice("Hello.")

    def prewarm(self) -> None:
        """The same in the background: AgentSession calls this on its event loop, in every job."""
        if self.voice._g2p is None:  # noqa: SLF001 - the only sign that nothing was spoken yet
            self.executor.submit(self.warm_up)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> "_HibariStream":
        return _HibariStream(self, text, conn_options)

    async def aclose(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)


class _HibariStream(tts.ChunkedStream):
    def __init__(self, engine: HibariTTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=engine, input_text=text, conn_options=conn_options)
        self._engine = engine

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=VOICE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
        )
        engine, loop = self._engine, asyncio.get_running_loop()
        sentences = engine.voice.stream(self._input_text, engine.speed, engine.seed)
        spoken = False
        while (
            sound := await loop.run_in_executor(engine.executor, next, sentences, None)
        ) is not None:
            audible = without_leading_silence(sound)
            spoken = spoken or audible.size > 0
            output_emitter.push(_pcm16(audible))
        if not spoken:
            output_emitter.push(bytes(2 * int(UNSPEAKABLE_S * VOICE_RATE)))
        output_emitter.flush()


def without_leading_silence(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """`samples` from just before the first audible one; empty if none is audible.

    hibari begins every sentence with about 0.3 s of silence, which would be added to each reply.
    """
    audible = np.flatnonzero(np.abs(samples) >= SILENT_PEAK / INT16_MAX)
    if not audible.size:
        return samples[:0]
    return samples[max(0, int(audible[0]) - int(ONSET_S * VOICE_RATE)) :]


def _pcm16(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(samples, -1, 1) * INT16_MAX).astype("<i2").tobytes()
