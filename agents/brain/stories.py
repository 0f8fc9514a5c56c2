"""Stories of about forty seconds: long enough to be cut, and to be taken up again."""

import re
from collections.abc import Sequence

TAIL = 60  # characters of what was heard are enough to find the place
TAIL_MIN = 12

LIGHTHOUSE = (
    "Once there was a lighthouse on a rock, far out in the sea. "
    "Its keeper was an old woman called Martha, and she had never missed a night. "
    "Every evening she climbed the two hundred steps and lit the lamp. "
    "One autumn night a storm came up, and the wind blew the great window in. "
    "The rain put out the lamp. "
    "Far below, Martha heard the horn of a small ship. "
    "She took every candle that she had, and she set them in the empty window. "
    "One by one the wind blew them out, and one by one she lit them again. "
    "She did that until the morning came. "
    "Then she saw the ship, safe behind the rock. "
    "Your light went out a hundred times, called the captain, but it was never gone. "
    "Martha laughed, went down the two hundred steps, and slept all day."
)
CLOCK = (
    "In a small town in the mountains there was a clock that was always right. "
    "A boy called Jonas had to wind it every morning before school. "
    "One winter day he was ill, and nobody thought of the clock. "
    "At noon it stopped, and so did the whole town. "
    "The baker did not open, because it was not yet one. "
    "The train waited at the station, and its driver looked up at the tower. "
    "In the evening Jonas woke and heard that there was nothing to hear. "
    "He climbed the tower in the snow, turned the key, and the clock began to tick. "
    "The baker opened, and the train went on its way. "
    "Nobody noticed that they had lost half a day. "
    "Only Jonas knew, and he never told it to anybody but me."
)
STORIES = (LIGHTHOUSE, CLOCK)

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def begun(said: Sequence[str]) -> list[int]:
    """Which stories were begun in what the assistant `said`, in that order."""
    first = [_SENTENCE.split(story)[0][:TAIL] for story in STORIES]
    return [n for text in said for n, opening in enumerate(first) if opening[:TAIL_MIN] in text]


def next_story(said: Sequence[str]) -> str:
    """The one that was not told yet, or not for the longest time."""
    return STORIES[(begun(said)[-1] + 1) % len(STORIES)] if begun(said) else STORIES[0]


def rest(said: Sequence[str]) -> str | None:
    """What is left of the story that was told last, from the sentence that was cut.

    None if there is none, "" if it was told to its end.
    """
    for text in reversed(said):
        for story in STORIES:
            if (place := _place(story, text)) is not None:
                return "" if place >= len(story) - 1 else _from_sentence(story, place)
    return None


def _place(story: str, text: str) -> int | None:
    """How far into `story` what was heard reaches; None if it is no part of it."""
    tail = " ".join(text.split())[-TAIL:]
    if len(tail) < TAIL_MIN:
        return None
    found = story.rfind(tail)
    if found < 0:  # something was said before it, or it is so short that it is all in `tail`
        start = next((n for n in range(len(tail) - TAIL_MIN) if tail[n:] in story), None)
        if start is None:
            return None
        tail, found = tail[start:], story.rfind(tail[start:])
    return found + len(tail)


def _from_sentence(story: str, place: int) -> str:
    starts = [0, *(match.end() for match in _SENTENCE.finditer(story))]
    return story[max(start for start in starts if start <= place + 1) :]
