"""A person in the room: a microphone that says what it is given, and ears that write it down."""

import asyncio
import contextlib
import json
import time
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from tests.agents.sound import Pcm, resampled
from tests.e2e.waiting import WAIT_S, until

RATE = 16_000
STEP = RATE // 50  # 20 ms
LOUD = 300  # of 32,767: above it there is sound
BUSY_S = 4.0  # so long an agent may be silent that does not listen: it thinks, or its voice stalls


class Caller:
    """Join with `async with Caller.join(url, token, voice)`."""

    def __init__(self, voice: HibariTTS) -> None:
        self.room = rtc.Room()
        self.safety: list[dict[str, Any]] = []
        self.lines: list[tuple[str, str]] = []  # (identity, final transcript)
        self.sound: list[tuple[float, NDArray[np.int16]]] = []  # when it was heard, samples
        self.voices: list[tuple[float, str]] = []  # when somebody was heard, and who
        self.spoke_until = 0.0
        self.joined = 0.0
        self._voice = voice
        self._source = rtc.AudioSource(RATE, 1)
        self._queue: asyncio.Queue[Pcm] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: dict[str, asyncio.Task[None]] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def join(cls, url: str, token: str, voice: HibariTTS):
        caller = cls(voice)
        await caller._join(url, token)
        try:
            yield caller
        finally:
            await caller.leave()

    async def _join(self, url: str, token: str) -> None:
        self.room.on("track_subscribed", lambda track, _p, who: self._listen(track, who.identity))
        self.room.on("track_unsubscribed", lambda track, _p, _who: self._turn_away(track))
        self.room.on("data_received", self._data)
        self.room.register_text_stream_handler("lk.transcription", self._transcribed)
        await self.room.connect(url, token)
        self.joined = time.monotonic()
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._spawn(self._talk())

    async def leave(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()
        await self._source.aclose()

    async def say(self, text: str) -> float:
        """Speak, and return when it was over (time.monotonic)."""
        samples = np.concatenate(list(self._voice.voice.stream(text, 1.0, 0)))
        return await self.play(resampled(samples, 24_000))

    async def play(self, samples: Pcm) -> float:
        self._queue.put_nowait(samples)
        await self._queue.join()
        return self.spoke_until

    async def hear(self, *, after: float, quiet_s: float = 1.0, within_s: float = WAIT_S) -> float:
        """Wait for the agent's sound after `after`, and until it listens and has been quiet;
        returns when it began."""
        began = await until(lambda: self.sounded(after=after), within_s=within_s)
        await until(lambda: self._is_quiet(quiet_s), within_s=within_s)
        return float(began)

    async def sentence_end(self, number: int, *, after: float, pause_s: float = 0.3) -> None:
        """Wait until the voice has made its `number`th pause after `after`, just now."""
        for _ in range(number):
            await until(lambda ended=after: self.sounded(after=ended))
            await until(lambda: time.monotonic() - self._last_loud() >= pause_s)
            after = time.monotonic()

    def seen(self) -> str:
        """For who reads why a test failed."""
        here = [(p.identity, p.attributes) for p in self.room.remote_participants.values()]
        quiet_s = time.monotonic() - self._last_loud()
        return f"with {here}, quiet for {quiet_s:.1f} s, read {self.lines}, told {self.safety}"

    def heard(self, *, after: float, before: float = float("inf")) -> NDArray[np.int16]:
        parts = [samples for at, samples in self.sound if after <= at <= before]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    async def transcript(
        self, ears: MoonshineSTT, *, after: float, before: float = float("inf")
    ) -> str:
        samples = self.heard(after=after, before=before)
        if not len(samples):
            return ""
        text = ""
        for piece in np.array_split(samples, max(1, len(samples) // (RATE * 12))):
            frame = rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece))
            text += " " + await ears.transcribe([frame])
        return text.strip()

    def sounded(self, *, after: float) -> float:
        """When the agent was first heard after `after`; 0.0: not yet."""
        return next((at for at, s in self.sound if at > after and np.abs(s).max() > LOUD), 0.0)

    def _is_quiet(self, quiet_s: float) -> bool:
        still_s = time.monotonic() - self._last_loud()
        return still_s >= (quiet_s if self._is_listened_to() else max(quiet_s, BUSY_S))

    def _is_listened_to(self) -> bool:
        """As the agent that was heard last says of itself; who is gone says nothing more."""
        who = self.room.remote_participants.get(self.voices[-1][1])
        return who is None or who.attributes.get("lk.agent.state", "listening") == "listening"

    def _last_loud(self) -> float:
        return next((at for at, s in reversed(self.sound) if np.abs(s).max() > LOUD), 0.0)

    async def _talk(self) -> None:
        """Real time: what was given, else silence, without a gap."""
        silence = np.zeros(STEP, np.int16)
        while True:
            if self._queue.empty():
                await self._capture(silence)
                continue
            samples = self._queue.get_nowait()
            for at in range(0, len(samples), STEP):
                part = samples[at : at + STEP]
                await self._capture(np.pad(part, (0, STEP - len(part))))
            await self._source.wait_for_playout()
            self.spoke_until = time.monotonic()
            self._queue.task_done()

    async def _capture(self, samples: Pcm) -> None:
        await self._source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))

    def _listen(self, track: rtc.Track, identity: str) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._listening[track.sid] = self._spawn(self._record(track, identity))

    def _turn_away(self, track: rtc.Track) -> None:
        """A stream that stays open gives the sound of the next agent too, and all is doubled."""
        if listening := self._listening.pop(track.sid, None):
            listening.cancel()

    async def _record(self, track: rtc.Track, identity: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16).copy()
                now = time.monotonic()
                self.sound.append((now, samples))
                if np.abs(samples).max() > LOUD:
                    self.voices.append((now, identity))
        finally:
            await stream.aclose()

    def _data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == "unbroken.safety":
            self.safety.append(json.loads(packet.data))

    def _transcribed(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._spawn(self._read(reader, identity))

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            text = await reader.read_all()
        except rtc.StreamError:
            return  # its sender died, or we left
        if (reader.info.attributes or {}).get("lk.transcription_final") == "true":
            self.lines.append((identity, text))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
