"""How much of a reply was heard: from the seconds played and the times of its pieces."""

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.types import TimedString

from unbroken.env import Host
from unbroken.livekit.speech.playback import Playhead, Script, rest_of
from unbroken.livekit.speech.speech import InFlight
from unbroken.log.mark import Mark

RATE = 8_000
STORY = "Once there was a lighthouse on a rock. ", "The light went round all night."


class Clock(Host):
    """A host whose time since boot moves when told."""

    boot = 1_000_000

    def boot_us(self) -> int:
        return self.boot

    def wait(self, seconds: float) -> None:
        self.boot += round(seconds * 1e6)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sound(seconds: float, *, volume: int = 9_000) -> rtc.AudioFrame:
    samples = np.full(round(seconds * RATE), volume, np.int16)
    return rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


def head_at(at_s: float, *frames: rtc.AudioFrame) -> Playhead:
    """A playhead that has come so far in a sound (nine seconds of voice unless given)."""
    clock = Clock()
    head = Playhead(clock)
    for frame in frames or (sound(9.0),):
        head.push(frame)
    head.move()
    clock.wait(at_s)
    return head


def aligned(*pieces: tuple[str, float]) -> Script:
    script = Script()
    for text, start_s in pieces:
        script.write(TimedString(text, start_time=start_s))
    return script


def test_the_playhead_moves_with_time_and_no_further_than_the_sound(clock):
    head = Playhead(clock)
    head.push(sound(1.0))
    assert head.played_s == 0
    head.move()
    clock.wait(0.4)
    assert head.played_s == pytest.approx(0.4)
    clock.wait(5.0)  # out of sound
    assert head.played_s == pytest.approx(1.0)
    head.push(sound(1.0))  # it goes on where it stopped
    clock.wait(0.5)
    assert head.played_s == pytest.approx(1.5)


def test_the_playhead_stands_still_in_a_pause(clock):
    head = Playhead(clock)
    head.push(sound(9.0))
    head.move()
    clock.wait(1.0)
    head.pause()
    clock.wait(3.0)
    assert head.played_s == pytest.approx(1.0)
    head.move()
    head.move()
    clock.wait(1.0)
    assert head.played_s == pytest.approx(2.0)


def test_silence_is_no_voice(clock):
    head = Playhead(clock)
    for frame in (sound(0.5, volume=-9_000), sound(0.5, volume=-20), sound(0.0), sound(1.0)):
        head.push(frame)
    assert [round(head.sound.voiced_s(at), 2) for at in (0.25, 0.9, 1.51, 9.0)] == [
        0.24,  # by blocks of 20 ms
        0.5,
        1.0,
        1.5,
    ]


def test_a_script_is_read_evenly_between_what_is_known():
    script = aligned((STORY[0], 0.0), (STORY[1], 4.0))
    assert script.read(head_at(0.0)) == ""
    assert script.read(head_at(2.0)) == "Once there was a "  # half of it, whole words
    assert script.read(head_at(4.01)) == STORY[0]
    assert script.read(head_at(8.9)) == STORY[0]  # nobody knows yet how long the second one is
    script.end(8.0)
    assert script.read(head_at(6.01)) == STORY[0] + "The light went "
    assert script.read(head_at(8.0)) == script.read(head_at(9.0)) == "".join(STORY)


def test_the_words_keep_step_with_the_voice_not_with_its_pauses():
    script = aligned((STORY[0], 0.0), (STORY[1], 3.0))
    spoken = sound(1.0), sound(1.0, volume=0), sound(1.0)
    assert script.read(head_at(1.0, *spoken)) == script.read(head_at(1.9, *spoken))
    assert script.read(head_at(2.0, *spoken)) == "Once there was a "
    assert script.read(head_at(2.5, *spoken)) == "Once there was a lighthouse "


def test_words_with_times_of_their_own_are_exact():
    script = Script()
    for at, word in enumerate(["one", "two", "three", ""]):
        script.write(TimedString(word + " ", start_time=at / 2, end_time=at / 2 + 0.4))
    assert script.read(head_at(0.41)) == "one "
    assert script.read(head_at(0.92)) == "one two "


def test_text_without_times_is_read_evenly_once_all_of_it_is_there():
    script = Script()
    for piece in STORY:
        script.write(piece)
    assert script.read(head_at(3.0)) == ""
    script.end(8.0)
    assert script.read(head_at(4.0)) == "Once there was a lighthouse on a "


def test_times_that_run_backwards_are_not_believed():
    script = aligned((STORY[0], 4.0), (STORY[1], 1.0))
    script.end(0.5)
    assert script.read(head_at(2.0)) == script.read(head_at(9.0)) == ""


@pytest.mark.parametrize(
    ("written", "spoken", "rest"),
    [
        ("One. Two.", "One. ", "Two."),
        ("**One**. And *two*.", "One. ", "And *two*."),
        ("**One** two.", "One", "** two."),
        ("One! 🎉 Two.", "One! ", "🎉 Two."),
        ("One. Two.", "Two.", None),
        ("One.", "One. Two.", None),
        ("One.", "", None),
    ],
)
def test_the_rest_is_found_behind_what_was_spoken(written, spoken, rest):
    assert rest_of(written, spoken) == rest


class Flight(InFlight):
    """What is in flight, with the marks that were made."""

    def __init__(self, clock: Clock) -> None:
        self.marks: list[Mark] = []
        super().__init__(clock, self.marks.append)

    def model_writes(self, *pieces: str) -> None:
        write = self._writing()
        for piece in pieces:
            write(piece)

    def is_to_be_spoken(self, *pieces: tuple[str, float]) -> None:
        show = self._speaking("Teller")
        for text, start_s in pieces:
            show(TimedString(text, start_time=start_s))

    def newest(self) -> tuple[str, str, int]:
        self.mark()
        speech = self.marks[-1].speech
        assert speech
        return speech.generated, speech.heard, speech.heard_ms


class Finished:
    def __init__(self, playback_position: float, *, interrupted: bool) -> None:
        self.playback_position, self.interrupted = playback_position, interrupted


async def test_the_mark_follows_the_sound_where_no_word_was_paced(clock):
    flight = Flight(clock)
    flight.model_writes("".join(STORY))
    flight.is_to_be_spoken((STORY[0], 0.0), (STORY[1], 4.0))
    flight.pushed(sound(8.0))
    flight.sound_is_whole()
    flight.playback_started(None)
    clock.wait(2.0)
    assert flight.newest() == ("".join(STORY), "Once there was a ", 2_000)
    flight.heard("Once there was a lighthouse ")  # the pacing may be ahead
    assert flight.newest()[1] == "Once there was a lighthouse "
    flight.playback_finished(Finished(2.1, interrupted=True))
    assert (flight.generated, flight.played_ms) == ("".join(STORY), 2_100)
    assert flight.newest()[1] == "Once there was a lighthouse "  # no item has it yet
    flight.reply_ended()
    flight.mark()
    assert flight.marks[-1].speech is None


async def test_a_guess_of_the_model_is_not_what_is_being_spoken(clock):
    flight = Flight(clock)
    flight.model_writes("".join(STORY))
    flight.is_to_be_spoken((STORY[0], 0.0))
    flight.pushed(sound(4.0))
    flight.playback_started(None)
    flight.model_writes("It will be sunny.")  # preemptive, for what the person says meanwhile
    clock.wait(1.0)
    assert flight.newest()[0] == "".join(STORY)
    flight.playback_finished(Finished(4.0, interrupted=False))
    flight.reply_ended()
    flight.is_to_be_spoken((STORY[0], 0.0))  # said again, and no more of it
    flight.pushed(sound(4.0))
    flight.playback_started(None)
    assert flight.newest()[0] == STORY[0]
    flight.stop()


async def test_a_reply_in_parts_keeps_the_parts_that_were_heard(clock):
    flight = Flight(clock)
    flight.model_writes(*STORY)
    flight.is_to_be_spoken((STORY[0], 0.0))
    flight.pushed(sound(4.0))
    flight.playback_started(None)
    clock.wait(4.0)
    flight.playback_finished(Finished(4.0, interrupted=False))
    flight.is_to_be_spoken((STORY[1], 0.0))
    flight.pushed(sound(3.0))
    flight.sound_is_whole()
    flight.playback_started(None)
    clock.wait(1.5)
    assert flight.newest() == ("".join(STORY), STORY[0] + "The light went ", 5_500)
    flight.playback_finished(Finished(1.6, interrupted=True))
    assert flight.played_ms == 5_600
    flight.reply_ended()


async def test_a_mark_that_says_the_same_is_not_written(clock):
    flight = Flight(clock)
    flight.is_to_be_spoken((STORY[0], 0.0))
    flight.pushed(sound(4.0))
    flight.playback_started(None)
    clock.wait(1.0)
    flight.paused()
    flight.mark()
    count = len(flight.marks)
    clock.wait(1.0)
    flight.mark()
    assert len(flight.marks) == count
    flight.stop()


async def test_a_frame_that_cannot_be_read_stops_no_voice(clock, caplog):
    flight = Flight(clock)
    flight.pushed("no frame")
    assert "hook failed" in caplog.text
