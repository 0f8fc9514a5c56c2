"""Which intent an utterance has, in spite of what speech recognition made of it.

The score of a phrase is how much of it was said, and how much of what was said it explains; each
word weighs what it tells the intents apart, and a misheard word counts for as much as it resembles
the right one. Pure: the same words give the same intent.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

from rapidfuzz import fuzz

from agents.brain.phrases import LEADING, OPEN, PHRASES
from agents.brain.words import plain

GOOD = 0.62  # from here on it is that intent
SURE = 0.8  # ...and so clearly that a question waiting for its answer gives way
ALIKE = 0.72  # words that resemble less are different ones
SHORT = 3  # letters; short words are the same or are not
LEAD_WORDS = 3  # may stand before a phrase that begins a sentence
COMMON_WEIGHT, UNKNOWN_WEIGHT = 0.12, 0.55
COMMON_LIST = """
    a an and the to of i you me my your is it that this please can could would will do so well
    um uh er like for in on at be am are just okay oh now then very some with us we one two
    three four five six seven eight nine ten eleven twelve past half quarter o'clock pm am
    monday tuesday wednesday thursday friday saturday sunday today tomorrow tonight people
    evening name want like actually also maybe
"""
COMMON = frozenset(COMMON_LIST.split())


class Match(NamedTuple):
    intent: str | None  # None: nothing is near enough
    score: float = 0.0

    @property
    def is_sure(self) -> bool:
        return self.intent is not None and self.score >= SURE


class _Phrase(NamedTuple):
    intent: str
    words: tuple[str, ...]
    joined: str
    is_open: bool
    is_leading: bool


def route(said: str) -> Match:
    """The intent of what was said, as it was heard."""
    return _route(plain(said))


@lru_cache(maxsize=512)
def _route(text: str) -> Match:
    words = tuple(text.split())
    if not words:
        return Match(None)
    best = Match(None)
    for phrase in _phrases():
        score = _score(phrase, words)
        if score > best.score:
            best = Match(phrase.intent, score)
    return best if best.score >= GOOD else Match(None, best.score)


@cache
def _phrases() -> Sequence[_Phrase]:
    return [
        _Phrase(intent, tuple(words), "".join(words), intent in OPEN, intent in LEADING)
        for intent, phrases in PHRASES.items()
        for phrase in phrases
        if (words := plain(phrase).split())
    ]


@cache
def _weights() -> Mapping[str, float]:
    """By word: rare ones tell intents apart."""
    used = Counter(
        word
        for phrases in PHRASES.values()
        for word in {word for phrase in phrases for word in plain(phrase).split()}
    )
    rarest = math.log(1 + len(PHRASES))
    return {
        word: COMMON_WEIGHT if word in COMMON else math.log(1 + len(PHRASES) / count) / rarest
        for word, count in used.items()
    }


def _weight(word: str) -> float:
    return _weights().get(word, COMMON_WEIGHT if word in COMMON else UNKNOWN_WEIGHT)


def _score(phrase: _Phrase, words: tuple[str, ...]) -> float:
    if phrase.is_leading:
        words = words[: len(phrase.words) + LEAD_WORDS]
    said = _coverage(phrase.words, words)
    explained = 1.0 if phrase.is_open else _coverage(words, phrase.words)
    score = 0.6 * said + 0.4 * explained if said > ALIKE or not phrase.is_open else said * 0.8
    if len(words) <= len(phrase.words) + 1:  # words that ran together, or fell apart
        score = max(score, fuzz.ratio("".join(words), phrase.joined) / 100 - 0.1)
    return score


def _coverage(wanted: tuple[str, ...], there: tuple[str, ...]) -> float:
    """How much of `wanted`, by weight, is found in `there`."""
    total = sum(map(_weight, wanted))
    found = sum(_weight(word) * max(_alike(word, other) for other in there) for word in wanted)
    return found / total


@lru_cache(maxsize=65_536)
def _alike(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if min(len(one), len(other)) <= SHORT:
        return 0.0
    ratio = fuzz.ratio(one, other) / 100
    return ratio if ratio >= ALIKE else 0.0


def without_lead(said: str, intent: str) -> str:
    """`said` without the words of the phrase of `intent` that it begins with, as far as found."""
    words = said.split()
    heard = [plain(word) for word in words]
    best, cut = 0.0, 0
    for phrase in (p for p in _phrases() if p.intent == intent):
        for start in range(LEAD_WORDS + 1):
            end = start + len(phrase.words)
            alike = fuzz.ratio(" ".join(heard[start:end]), " ".join(phrase.words))
            if alike / 100 >= SURE and (alike, end) > (best, cut):
                best, cut = alike, end
    return " ".join(islice(words, cut, None))
