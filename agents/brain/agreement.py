"""Yes, no, or leave it: what a caller's answer to an offer comes to."""

import re

from rapidfuzz import fuzz

from agents.brain.words import plain

ALIKE = 82  # of 100

_YES_LIST = """
    yes yeah yep yup yea ya yas yess yet sure okay ok right correct exactly perfect absolutely
    definitely certainly fine great good agreed alright indeed confirm confirmed affirmative
    wonderful lovely please excellent yesterday
"""
_YES_WORDS = frozenset(_YES_LIST.split())
_YES = re.compile(
    r"^(?:of course|go ahead|go on|do it|do that|do so|book it|book the table|book that|please do|"
    r"sounds (?:good|great|right)|all right|that is (?:right|correct|fine|good|it|perfect)|"
    r"that works|why not|i agree|it is (?:right|correct|fine)|you can book|please book|"
    r"i would like that|yes|make it so|that would be (?:good|great|fine|nice))\b"
)
_NO_LIST = """
    no nope nah know now not wrong incorrect negative knows
"""
_NO_WORDS = frozenset(_NO_LIST.split())
_NO = re.compile(r"\b(?:not (?:right|correct|quite)|is wrong|do not|hold on|wait)\b")
_CANCEL = re.compile(
    r"\b(?:cancel|forget (?:it|about it|the table|that)|never ?mind|no thanks|no thank you|"
    r"do not (?:book|want|need)|no (?:table|booking|reservation)|leave it|drop it|"
    r"not any ?more|changed my mind|stop(?: it| the booking)?$|nothing(?: thanks| thank you)?$|"
    r"abort|quit|skip it|let it be|let us not)\b"
)
_FILLERS_LIST = """
    um uh er well oh hm ah so
"""
_FILLERS = frozenset(_FILLERS_LIST.split())


def is_yes(said: str) -> bool:
    words = _words(said)
    text = " ".join(words)
    return bool(words) and (words[0] in _YES_WORDS or bool(_YES.match(text))) and not is_no(said)


def is_no(said: str) -> bool:
    words = _words(said)
    return bool(words) and (words[0] in _NO_WORDS or bool(_NO.search(" ".join(words))))


def is_cancel(said: str) -> bool:
    text = " ".join(_words(said))
    if _CANCEL.search(text):
        return True
    return any(
        len(word) >= len("cancel") and fuzz.ratio(word, "cancel") >= ALIKE for word in text.split()
    )


def _words(said: str) -> list[str]:
    words = plain(said).split()
    while words and words[0] in _FILLERS:
        words = words[1:]
    return words
