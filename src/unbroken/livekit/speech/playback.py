"""How far a reply was played: in seconds of its sound, and in characters of its text."""

import string
from bisect import bisect_right

import numpy as np
from livekit import rtc
from livekit.agents.types import TimedString
from livekit.agents.utils import is_given

from unbroken.env import Env
from unbroken.log.segments import whole_words

LOUD = 300  # of 32,767: nobody hears less
BLOCKS_PER_S = 50  # voiced or not: by 20 ms
MARKS = string.punctuation + "…"  # may stand between the last letter and the next word
SILENCE_S = 0.001  # so much voice is none


class Sound:
    """What was handed over to be played: how long it is, and how much of it is voiced."""

    def __init__(self) -> None:
        self._ends = [0.0]  # of its blocks, in seconds
        self._voiced = [0.0]  # seconds of voice up to there

    def push(self, frame: rtc.AudioFrame) -> None:
        samples = np.frombuffer(frame.data, np.int16)
        size = max(1, frame.sample_rate * frame.num_channels // BLOCKS_PER_S)
        loud = (samples > LOUD) | (samples < -LOUD)
        for at in range(0, len(loud), size):
            block = loud[at : at + size]
            block_s = frame.duration * len(block) / len(loud)
            self._ends.append(self._ends[-1] + block_s)
            self._voiced.append(self._voiced[-1] + (block_s if block.any() else 0.0))

    @property
    def seconds(self) -> float:
        return self._ends[-1]

    def voiced_s(self, at_s: float) -> float:
        """Seconds of voice within the first `at_s` seconds."""
        return self._voiced[bisect_right(self._ends, at_s) - 1]


class Playhead:
    """Seconds of a sound that were played: real time, but for pauses and while there is none."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self.sound = Sound()
        self._played_s = 0.0
        self._moving_since_us: int | None = None

    def push(self, frame: rtc.AudioFrame) -> None:
        """More sound was handed over; it is played behind what is there."""
        self._played_s = self.played_s
        if self._moving_since_us is not None:
            self._moving_since_us = self._env.boot_us()
        self.sound.push(frame)

    def move(self) -> None:
        if self._moving_since_us is None:
            self._moving_since_us = self._env.boot_us()

    def pause(self) -> None:
        self._played_s, self._moving_since_us = self.played_s, None

    @property
    def played_s(self) -> float:
        if self._moving_since_us is None:
            return self._played_s
        moved_s = (self._env.boot_us() - self._moving_since_us) / 1e6
        return min(self.sound.seconds, self._played_s + moved_s)


class Script:
    """What is being spoken, and the second of its sound at which each piece begins.

    An aligned transcript brings those (LiveKit's TimedString, by sentence or by word); between
    two of them the words keep step with the voice. Without any, only the beginning and, once all
    of the sound is there, the end are known.
    """

    def __init__(self) -> None:
        self.text = ""
        self._seconds = [0.0]
        self._places = [0]

    def write(self, piece: str) -> None:
        if isinstance(piece, TimedString) and is_given(piece.start_time):
            self._know(piece.start_time, len(self.text))
        self.text += piece
        if isinstance(piece, TimedString) and is_given(piece.end_time):
            self._know(piece.end_time, len(self.text))

    def end(self, at_s: float) -> None:
        """All of the text is written, and its sound ends there."""
        self._know(at_s, len(self.text))

    def read(self, head: Playhead) -> str:
        """The whole words that were spoken up to there; those of a piece whose end is not known
        yet are left out."""
        at_s = head.played_s
        last = bisect_right(self._seconds, at_s)
        place = self._places[last - 1]
        if last < len(self._seconds):
            begin, end = map(head.sound.voiced_s, self._seconds[last - 1 : last + 1])
            part = (head.sound.voiced_s(at_s) - begin) / max(end - begin, SILENCE_S)
            place += round(part * (self._places[last] - place))
        return whole_words(self.text, place)

    def _know(self, second: float, place: int) -> None:
        """What is known only goes forward, whatever a plugin says."""
        if second > self._seconds[-1] and place >= self._places[-1]:
            self._seconds.append(second)
            self._places.append(place)


def rest_of(written: str, spoken: str) -> str | None:
    """What a model wrote behind `spoken`; None if that is not what it began with.

    LiveKit takes Markdown and emoji out before they are spoken: only letters and digits count.
    """
    if spoken and written.startswith(spoken):
        return written[len(spoken) :]
    said = [c for c in spoken if c.isalnum()]
    places = [at for at, c in enumerate(written) if c.isalnum()]
    if not said or [written[at] for at in places[: len(said)]] != said:
        return None
    rest = written[places[len(said) - 1] + 1 :]
    if spoken[-1].isspace():
        return rest.lstrip(MARKS + string.whitespace)
    return rest.lstrip(MARKS) if spoken[-1] in MARKS else rest
