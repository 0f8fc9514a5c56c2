"""Which intent an utterance has, in spite of what speech recognition made of it.

The score of a phrase is how much of it was said, and how much of what was said it explains; each
word weighs what it tells the intents apart, and a misheard word counts for as much as it resembles
the right one. Pure: the same words give the same intent.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from rapidfuzz import fuzz, process

from agents.brain.phrases import LEADING, OPEN, PHRASES
from agents.brain.words import plain

GOOD = 0.62  # from here on it is that intent
SURE = 0.8  # ...and so clearly that a question waiting for its answer gives way
ALIKE = 0.72  # words that resemble less are different ones
SAID, EXPLAINED = 0.6, 0.4  # what counts: how much of the phrase was said, and it explains
SHORT = 3  # letters; short words are the same or are not
LEAD_WORDS = 3  # may stand before a phrase that begins a sentence
COMMON_WEIGHT, UNKNOWN_WEIGHT = 0.12, 0.55
POLITE_LIST = "please can could we you i would like to and also hey okay so um uh er"
POLITE = frozenset(POLITE_LIST.split())
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
    weight: float
    open_most: float | None  # of a phrase in a longer sentence; None: it is the whole sentence


class _Heard:
    """An utterance, compared with all words of all phrases at once."""

    def __init__(self, text: str) -> None:
        self.words = tuple(text.split())
        self.joined = "".join(self.words)
        vocabulary = tuple(_weights())
        alike = process.cdist(self.words, vocabulary, scorer=fuzz.ratio) / 100
        best = alike.max(axis=0)
        self.near = {
            word: 1.0 if word in self.words else float(best[n])
            for n, word in enumerate(vocabulary)
            if word in self.words or (best[n] >= ALIKE and len(word) > SHORT)
        }

    def coverage(self, phrase: _Phrase) -> float:
        """How much of `phrase`, by weight, was said."""
        return (
            sum(_weight(word) * self.near.get(word, 0.0) for word in phrase.words) / phrase.weight
        )


def route(said: str) -> Match:
    """The intent of what was said, as it was heard."""
    return _route(plain(said))


@lru_cache(maxsize=512)
def _route(text: str) -> Match:
    best = Match(None)
    if not text:
        return best
    heard = _Heard(text)
    for phrase in _phrases():
        score = _score(phrase, heard, best.score)
        if score > best.score:
            best = Match(phrase.intent, score)
    return best if best.score >= GOOD else Match(None, best.score)


@cache
def _phrases() -> Sequence[_Phrase]:
    return [
        _Phrase(intent, words, "".join(words), sum(map(_weight, words)), OPEN.get(intent))
        for intent, phrases in PHRASES.items()
        for words in (tuple(plain(phrase).split()) for phrase in phrases)
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


def _score(phrase: _Phrase, heard: _Heard, least: float) -> float:
    """How well `phrase` fits; any lower number where that is not above `least`."""
    if phrase.intent in LEADING:
        return _leading_score(phrase, heard)
    said = SAID * heard.coverage(phrase)
    score = said
    if phrase.open_most is not None:
        fits = said > ALIKE * SAID
        score = min(phrase.open_most, said + EXPLAINED) if fits else said
    elif said + EXPLAINED > least:
        score = said + EXPLAINED * _coverage(heard.words, phrase.words)
    if len(heard.words) <= len(phrase.words) + 1:  # words that ran together, or fell apart
        score = max(score, fuzz.ratio(heard.joined, phrase.joined) / 100 - 0.1)
    return score


def _leading_score(phrase: _Phrase, heard: _Heard) -> float:
    """How well the sentence begins with it; what follows says nothing about the intent."""
    lead = _without_polite_lead(phrase.words)
    begin = _without_polite_lead(heard.words)[: len(lead)]
    if not begin:
        return 0.0
    return SAID * _coverage(lead, begin) + EXPLAINED * _coverage(begin, lead)


def _without_polite_lead(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(itertools.dropwhile(POLITE.__contains__, words))


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
    return " ".join(itertools.islice(words, cut, None))
