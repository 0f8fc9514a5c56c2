"""Speech to text: Moonshine as a streaming LiveKit plugin.

Theory of operation
-------------------
The plugin's own voice activity finds segments. While one grows it is decoded again every half
second (interims); at its end it is decoded as a whole (final). A segment that reaches
`SEGMENT_S_MAX` is cut at its quietest place near the end, so that decoding stays quick and
memory bounded however long somebody talks.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, inference, stt, utils, vad
from livekit.agents.language import LanguageCode
from livekit.agents.stt import SpeechEventType
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.vad import VADEventType

from agents.speech.moonshine_model import SAMPLE_RATE, MoonshineModel, Samples

INTERIM_EVERY_S = 0.5
INTERIM_AFTER_S = 0.75  # shorter beginnings decode to noise
SEGMENT_S_MAX = 25.0  # the cost of a decode grows with the segment
CUT_WITHIN_S = 3.0  # a pause between words is to be found in this much speech
INT16_RANGE = 32_768


class MoonshineSTT(stt.STT[Any]):
    """English only. The same samples give the same text."""

    def __init__(
        self,
        *,
        voice_activity: vad.VAD | None = None,
        interim_every_s: float = INTERIM_EVERY_S,
        segment_s_max: float = SEGMENT_S_MAX,
        model: MoonshineModel | None = None,
    ) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=True
            )
        )
        self.voice_activity = voice_activity or inference.VAD(min_silence_duration=0.3)
        self.interim_every_s = interim_every_s
        self.segment_s_max = segment_s_max
        self._decode = model or MoonshineModel.installed()
        self._executor = ThreadPoolExecutor(1, "moonshine")

    @property
    def model(self) -> str:
        return "moonshine-tiny-en"

    @property
    def provider(self) -> str:
        return "embedded"

    def warm_up(self) -> None:
        """Decode a second of silence, so that the first words cost what later ones cost."""
        self._decode(np.zeros(SAMPLE_RATE, np.float32))

    async def transcribe(self, buffer: utils.AudioBuffer) -> str:
        """What is said in `buffer`, any sample rate; "" if nothing."""
        samples = _mono_16k(buffer)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._decode, samples)

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,  # noqa: ARG002 - the base class asks for it
        conn_options: APIConnectOptions,  # noqa: ARG002 - there is no connection
    ) -> stt.SpeechEvent:
        return _speech(SpeechEventType.FINAL_TRANSCRIPT, await self.transcribe(buffer))

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,  # noqa: ARG002 - the base class asks for it
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> "_MoonshineStream":
        return _MoonshineStream(self, conn_options)

    async def aclose(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class _Segment:
    """What was said since speech began, or since the last cut."""

    frames: list[rtc.AudioFrame] = field(default_factory=list)
    decoded_s: float = 0.0
    over: bool = False
    interim: asyncio.Task[None] | None = None


class _MoonshineStream(stt.RecognizeStream):
    def __init__(self, engine: MoonshineSTT, conn_options: APIConnectOptions) -> None:
        super().__init__(stt=engine, conn_options=conn_options, sample_rate=SAMPLE_RATE)
        self._engine = engine

    async def _run(self) -> None:
        # A retry calls this again: all that must not survive it lives in these locals.
        activity = self._engine.voice_activity.stream()
        feeding = asyncio.create_task(self._feed(activity), name="moonshine-feed")
        segment = _Segment(over=True)
        try:
            async for event in activity:
                segment = await self._follow(segment, event)
        finally:
            await utils.aio.cancel_and_wait(
                feeding, *([segment.interim] if segment.interim else [])
            )
            await activity.aclose()

    async def _feed(self, activity: vad.VADStream) -> None:
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                activity.flush()
            else:
                activity.push_frame(item)
        activity.end_input()

    async def _follow(self, segment: _Segment, event: vad.VADEvent) -> _Segment:
        match event.type:
            case VADEventType.START_OF_SPEECH:
                self._event_ch.send_nowait(_speech(SpeechEventType.START_OF_SPEECH))
                return _Segment(list(event.frames))
            case VADEventType.INFERENCE_DONE if not segment.over:
                segment.frames += event.frames
                if _seconds(segment.frames) >= self._engine.segment_s_max:
                    return await self._cut(segment)
                self._decode_so_far(segment)
            case VADEventType.END_OF_SPEECH if not segment.over:
                ended_at = time.time() - event.silence_duration - event.inference_duration
                self._event_ch.send_nowait(
                    _speech(SpeechEventType.END_OF_SPEECH, ended_at=ended_at)
                )
                await self._finish(segment, ended_at=ended_at)
        return segment

    def _decode_so_far(self, segment: _Segment) -> None:
        """Start an interim decode when enough is new and none is running."""
        seconds = _seconds(segment.frames)
        due = seconds - segment.decoded_s >= self._engine.interim_every_s
        busy = segment.interim is not None and not segment.interim.done()
        if due and seconds >= INTERIM_AFTER_S and not busy:
            segment.decoded_s = seconds
            segment.interim = asyncio.create_task(
                self._interim(segment, list(segment.frames)), name="moonshine-interim"
            )

    async def _interim(self, segment: _Segment, frames: list[rtc.AudioFrame]) -> None:
        text = await self._engine.transcribe(frames)
        if text and not segment.over:
            self._event_ch.send_nowait(_speech(SpeechEventType.INTERIM_TRANSCRIPT, text))

    async def _cut(self, segment: _Segment) -> _Segment:
        """Finish what is before the quietest frame near the end; the rest begins a new segment."""
        at = _quietest(segment.frames, within_s=CUT_WITHIN_S)
        rest = _Segment(segment.frames[at:])
        segment.frames = segment.frames[:at]
        await self._finish(segment, ended_at=None)
        return rest

    async def _finish(self, segment: _Segment, *, ended_at: float | None) -> None:
        segment.over = True  # a late interim of it is dropped
        if segment.interim:
            await segment.interim
        text = await self._engine.transcribe(segment.frames)
        if text:
            final = _speech(SpeechEventType.FINAL_TRANSCRIPT, text, ended_at=ended_at)
            self._event_ch.send_nowait(final)
        usage = stt.RecognitionUsage(audio_duration=_seconds(segment.frames))
        self._event_ch.send_nowait(
            stt.SpeechEvent(type=SpeechEventType.RECOGNITION_USAGE, recognition_usage=usage)
        )


def _quietest(frames: Sequence[rtc.AudioFrame], *, within_s: float) -> int:
    """The place of the quietest frame in the last `within_s`; never 0, so that a cut advances."""
    first = len(frames) - 1
    seconds = frames[first].duration
    while first > 1 and seconds < within_s:
        first -= 1
        seconds += frames[first].duration
    peaks = [
        int(np.abs(np.frombuffer(f.data, np.int16).astype(np.int32)).max()) for f in frames[first:]
    ]
    return max(1, first + int(np.argmin(peaks)))


def _mono_16k(buffer: utils.AudioBuffer) -> Samples:
    frame = rtc.combine_audio_frames(buffer)
    if frame.sample_rate != SAMPLE_RATE:
        resampler = rtc.AudioResampler(frame.sample_rate, SAMPLE_RATE)
        frame = rtc.combine_audio_frames(resampler.push(frame) + resampler.flush())
    return np.frombuffer(frame.data, np.int16).astype(np.float32) / np.float32(INT16_RANGE)


def _seconds(frames: Sequence[rtc.AudioFrame]) -> float:
    return sum(frame.duration for frame in frames)


def _speech(
    kind: SpeechEventType, text: str | None = None, *, ended_at: float | None = None
) -> stt.SpeechEvent:
    data = stt.SpeechData(language=LanguageCode("en"), text=text or "", confidence=1.0)
    return stt.SpeechEvent(
        type=kind,
        request_id=utils.shortuuid(),
        alternatives=[] if text is None else [data],
        speech_end_time=ended_at,
    )
