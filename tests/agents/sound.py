"""Sound for tests: a voice as 16 kHz frames, a microphone, a speaker, and how much was misheard."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from difflib import SequenceMatcher

import numpy as np
import soxr
from livekit import rtc
from livekit.agents import utils
from livekit.agents.voice import io
from numpy.typing import NDArray

MIC_RATE = 16_000
FRAME_S = 0.02
MISHEARD_MAX = 2  # words in a row, between others that are right
Pcm = NDArray[np.int16]


def resampled(samples: NDArray[np.float32], rate: int, to_rate: int = MIC_RATE) -> Pcm:
    """Exact, unlike LiveKit's resampler: the same sound gives the same text."""
    return (np.clip(soxr.resample(samples, rate, to_rate), -1, 1) * 32_767).astype(np.int16)


def silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * MIC_RATE), np.int16)


def frame(samples: Pcm, rate: int = MIC_RATE) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))


def frames(samples: Pcm) -> list[rtc.AudioFrame]:
    size = int(FRAME_S * MIC_RATE)
    padded = np.concatenate([samples, np.zeros(-len(samples) % size, np.int16)])
    return [frame(padded[at : at + size]) for at in range(0, len(padded), size)]


class Microphone(io.AudioInput):
    """Gives what `speak` was told, in real time, and silence otherwise."""

    def __init__(self) -> None:
        super().__init__(label="test microphone")
        self._waiting: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
        self._next_at = 0.0

    async def speak(self, samples: Pcm) -> None:
        """Returns when the last frame was taken."""
        for spoken in frames(samples):
            self._waiting.put_nowait(spoken)
        await self._waiting.join()

    def __aiter__(self) -> AsyncIterator[rtc.AudioFrame]:
        return self

    async def __anext__(self) -> rtc.AudioFrame:
        now = time.monotonic()
        self._next_at = max(self._next_at, now - 0.2) + FRAME_S
        await asyncio.sleep(max(0.0, self._next_at - now))
        if self._waiting.empty():
            return frame(silence(FRAME_S))
        self._waiting.task_done()
        return self._waiting.get_nowait()


class Speaker(io.AudioOutput):
    """Plays into memory. In real time only if `paced`."""

    def __init__(self, *, paced: bool = True) -> None:
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="test speaker", capabilities=capabilities, next_in_chain=None)
        self.heard: list[rtc.AudioFrame] = []
        self._paced = paced
        self._began_at: float | None = None
        self._pushed_s = 0.0
        self._playing: asyncio.Task[None] | None = None
        self._cut = asyncio.Event()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began_at is None:
            self._began_at = time.time()
            self.on_playback_started(created_at=self._began_at)
        self.heard.append(frame)
        self._pushed_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began_at is not None and (self._playing is None or self._playing.done()):
            self._playing = asyncio.create_task(self._play_out(self._began_at, self._pushed_s))

    def clear_buffer(self) -> None:
        self._cut.set()
        if self._began_at is not None and self._playing is None:
            self.flush()

    async def _play_out(self, began_at: float, pushed_s: float) -> None:
        left_s = began_at + pushed_s - time.time() if self._paced else 0.0
        cut = False
        try:
            await asyncio.wait_for(self._cut.wait(), max(0.0, left_s))
            cut = True
        except TimeoutError:
            pass
        self._cut.clear()
        self._began_at, self._pushed_s, self._playing = None, 0.0, None
        played_s = min(pushed_s, time.time() - began_at) if cut else pushed_s
        self.on_playback_finished(playback_position=played_s, interrupted=cut)

    def samples(self) -> tuple[NDArray[np.float32], int]:
        whole = utils.combine_frames(self.heard)
        return np.frombuffer(whole.data, np.int16).astype(np.float32) / 32_768, whole.sample_rate


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("\u2019", "'"))


def errors(said: str, heard: str) -> int:
    """How many words must be put in, taken out or replaced to get from one to the other."""
    reference, hypothesis = words(said), words(heard)
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            best = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], best
    return row[-1]


def error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    counted = [(errors(said, heard), len(words(said))) for said, heard in pairs]
    return sum(wrong for wrong, _ in counted) / sum(total for _, total in counted)


def words_told(text: str, heard: str) -> int:
    """How many words of `text` were spoken, by what a recogniser wrote down: up to the last one
    found in its order. At the cut it makes words up, and sometimes a whole phrase twice."""
    blocks = SequenceMatcher(None, words(text), words(heard), autojunk=False)
    told = 0
    for place, _, size in blocks.get_matching_blocks():
        if size and place - told <= MISHEARD_MAX:
            told = place + size
    return told
