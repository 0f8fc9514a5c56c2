"""The voice is fenced: mute after a stall or a reconnect, until the term is confirmed."""

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice import io

from tests.core.conftest import new_header
from unbroken.archive.taking import TTL_MS
from unbroken.env import Host
from unbroken.journal.ack import DEGRADED, FENCED
from unbroken.live.live import Live
from unbroken.livekit.speech.speech import InFlight
from unbroken.livekit.speech.voice import STALL_US, UNANSWERED_US, Fence, Voice


class Clock(Host):
    """A host whose time since boot moves when told."""

    boot = 1_000_000_000

    def boot_us(self) -> int:
        return self.boot


@pytest.fixture
async def fenced(tmp_path):
    from unbroken.journal.spool import Spool  # noqa: PLC0415

    clock = Clock()
    spool = Spool.open(clock, str(tmp_path / "spool"))
    live = Live.open(spool, new_header(clock, spool))
    live.ack.beat(clock.boot)
    live.ack.confirm(acked=0, term=1, boot_us=clock.boot)
    yield clock, live, Fence(clock, live)
    await live.close("left")


async def test_a_steady_agent_speaks(fenced):
    clock, live, fence = fenced
    for _ in range(100):
        clock.boot += 250_000
        live.ack.beat(clock.boot)
        assert fence.is_open()


async def test_after_a_stall_it_is_mute_until_confirmed(fenced):
    clock, live, fence = fenced
    assert fence.is_open()
    clock.boot += 3 * TTL_MS * 1_000  # thawed: nobody has beaten
    assert not fence.is_open()
    live.ack.beat(clock.boot)
    assert not fence.is_open()
    clock.boot += 10 * UNANSWERED_US
    live.ack.beat(clock.boot)
    live.ack.flag(DEGRADED)
    assert not fence.is_open()  # the store is away, and somebody may have taken the session
    live.ack.confirm(acked=0, term=1, boot_us=clock.boot)
    live.ack.flag(0)
    assert fence.is_open()


async def test_a_stall_shorter_than_the_lease_ends_by_itself_when_the_store_is_away(fenced):
    clock, live, fence = fenced
    live.ack.flag(DEGRADED)
    clock.boot += STALL_US + 1
    assert not fence.is_open()
    live.ack.beat(clock.boot)
    clock.boot += UNANSWERED_US + 1
    live.ack.beat(clock.boot)
    assert fence.is_open()


async def test_after_a_reconnect_it_waits_for_its_term(fenced):
    clock, live, fence = fenced
    fence.suspect(0)
    clock.boot += 100_000
    live.ack.beat(clock.boot)
    assert not fence.is_open()
    live.ack.confirm(acked=0, term=1, boot_us=clock.boot)
    assert fence.is_open()


async def test_a_deposed_agent_never_speaks_again(fenced):
    clock, live, fence = fenced
    live.ack.flag(FENCED)
    live.ack.confirm(acked=0, term=1, boot_us=clock.boot + 1)
    assert not fence.is_open()


class Sink(io.AudioOutput):
    def __init__(self) -> None:
        super().__init__(
            label="sink", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=8_000
        )
        self.peaks: list[int] = []
        self.flushed = self.cleared = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.peaks.append(int(np.abs(np.frombuffer(frame.data, np.int16)).max()))

    def flush(self) -> None:
        super().flush()
        self.flushed += 1

    def clear_buffer(self) -> None:
        self.cleared += 1


async def test_what_may_not_be_heard_leaves_as_silence(fenced):
    _, live, fence = fenced
    voice = Voice(fence, InFlight(Host(), lambda _mark: None), sink := Sink())
    loud = rtc.AudioFrame(np.full(80, 9_000, np.int16).tobytes(), 8_000, 1, 80)
    await voice.capture_frame(loud)
    live.ack.flag(FENCED)
    await voice.capture_frame(loud)
    voice.flush()
    voice.clear_buffer()
    assert sink.peaks == [9_000, 0]  # the same length, so that playback goes on counting
    assert (sink.flushed, sink.cleared) == (1, 1)
    assert voice.sample_rate == 8_000
    assert voice.can_pause


async def test_what_comes_without_the_floor_is_not_played_and_its_speech_is_cut(fenced):
    _, _, fence = fenced
    cuts = []
    voice = Voice(
        fence, InFlight(Host(), lambda _mark: None), sink := Sink(), lambda: cuts.append(1)
    )
    loud = rtc.AudioFrame(np.full(80, 9_000, np.int16).tobytes(), 8_000, 1, 80)
    fence.may_speak = lambda: False
    await voice.capture_frame(loud)
    assert (sink.peaks, cuts, voice.captured_playout_segments) == ([], [1], 0)
    fence.may_speak = lambda: True
    await voice.capture_frame(loud)
    assert (sink.peaks, cuts, voice.captured_playout_segments) == ([9_000], [1], 1)
