"""Speech without a room: a voice, a loudspeaker that plays until it is told that it has, a
recogniser that hears what a test says, and successors that know what was in flight."""

import asyncio
import time
from typing import Any

from livekit import rtc
from livekit.agents import LanguageCode, stt, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.voice import io

from tests.livekit.holders import GAP, Holder
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY, MARK
from unbroken.livekit.restore.start import Start
from unbroken.livekit.state import factories
from unbroken.log import mark
from unbroken.log.entries import ItemPut, decode
from unbroken.log.session import fold
from unbroken.recovery.plan import in_flight

RATE = 16_000
SOUND_S = 20  # of each utterance: no test waits so long


class Voice(tts.TTS):
    """Speaks each text at once, in one piece."""

    def __init__(self) -> None:
        can = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=can, sample_rate=RATE, num_channels=1)

    def synthesize(self, text: str, *, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS) -> Any:
        return _Utterance(tts=self, input_text=text, conn_options=conn_options)


class _Utterance(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        output_emitter.push(b"\x00\x20" * RATE * SOUND_S)
        output_emitter.flush()


class Speaker(io.AudioOutput):
    """Plays what it is given until `finish`."""

    def __init__(self) -> None:
        can = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="speaker", capabilities=can, sample_rate=RATE)
        self.is_playing = asyncio.Event()
        self._is_whole = asyncio.Event()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self.is_playing.is_set():
            self.is_playing.set()
            self._is_whole.clear()
            self.on_playback_started(created_at=time.time())

    def flush(self) -> None:
        super().flush()
        self._is_whole.set()

    async def finish(self) -> None:
        """All of it was heard."""
        async with asyncio.timeout(60):
            await self._is_whole.wait()
        self._end(SOUND_S, interrupted=False)

    def clear_buffer(self) -> None:
        self._end(0.5, interrupted=True)

    def _end(self, position: float, *, interrupted: bool) -> None:
        if self.is_playing.is_set():
            self.is_playing.clear()
            self.on_playback_finished(playback_position=position, interrupted=interrupted)


class Microphone(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="microphone")

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.02)
        return rtc.AudioFrame(bytes(640), RATE, 1, 320)


class Ears(stt.STT):
    """Hears what a test says."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.said: asyncio.Queue[str] = asyncio.Queue()

    async def _recognize_impl(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def stream(self, *, language: Any = NOT_GIVEN, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS):
        return _Hearing(stt=self, conn_options=conn_options)


class _Hearing(stt.RecognizeStream):
    async def _run(self) -> None:
        await asyncio.gather(self._drain(), self._hear())

    async def _drain(self) -> None:
        async for _ in self._input_ch:
            pass

    async def _hear(self) -> None:
        kinds = stt.SpeechEventType
        while True:
            data = stt.SpeechData(language=LanguageCode("en"), text=await self._stt.said.get())
            self._event_ch.send_nowait(stt.SpeechEvent(type=kinds.START_OF_SPEECH))
            self._event_ch.send_nowait(
                stt.SpeechEvent(type=kinds.FINAL_TRANSCRIPT, alternatives=[data])
            )
            self._event_ch.send_nowait(stt.SpeechEvent(type=kinds.END_OF_SPEECH))


async def until(holds, what: str) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)
    assert holds(), what


def flying(holder: Holder) -> mark.Mark | None:
    """What of the newest mark is in flight behind the log, as a successor would read it."""
    reader = JournalReader(holder.env, holder.spool.journal(holder.live.journal.header.holder))
    last, newer, entries = None, [], list(holder.before)
    while frames := reader.read(is_living=True):
        for frame in frames:
            if frame.type == MARK:
                last, newer = mark.decode(frame.payload), []
            elif frame.type == ENTRY:
                entries.append((frame.kind, frame.payload))
                payload = decode(frame.kind, frame.payload)
                newer += [payload.item["id"]] if isinstance(payload, ItemPut) else []
    reader.close()
    return in_flight(fold(entries), last, newer)


async def go_on(holder: Holder, agent: Any, session: Any, *, agents: Any = ()) -> Holder:
    """The successor of a holder that was killed just now, its plan begun."""
    mark_, saved, before = flying(holder), holder.logged(), holder.entries()
    after = Holder(
        holder.env, holder.spool, (), before=before, saved=saved, first=agent, session=session
    )
    start = Start(holder.env, after.live, session, after.hooks)
    known = factories.factories_of(agents)
    current = await start.restore(mark_, GAP, first=agent, factories=known)
    start.attach(current)
    await session.start(current)
    await start.go_on()
    after.plan, after.facts, after.report = start.plan, start.restored.facts, start.restored.report
    return after


def said(session: Any) -> list[tuple[str, str]]:
    messages = (item for item in session.history.items if item.type == "message")
    return [(item.role, item.text_content) for item in messages]
