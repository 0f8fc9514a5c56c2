"""Where a text may be cut: between sentences, between words, and never inside a character.

ICU finds these places in every script. It knows no abbreviations; where one might stand, a
sentence goes on: who hears a few words too many understands more than who misses some.
"""

import re
from collections.abc import Iterable, Iterator

from icu4py.breakers import CharacterBreaker, SentenceBreaker, WordBreaker

from unbroken.log import listing
from unbroken.log.listing import ITEM_CHARS_MAX

SENTENCE_MARKS = tuple(
    ".!?\u2026\u3002\uff01\uff1f\uff61\u0964\u0965\u061f\u06d4\u17d4\u104b\u1362\u0589"
)  # of all scripts
NEAR = 100  # characters to either side of a cut that say where its word begins and ends
WORD_MAX = 30  # no word is longer: what is, is cut between characters

_ROOT = "en"  # ICU's rules for words and sentences do not differ by language here
_ABBREVIATIONS = (
    "Mr|Mrs|Ms|Mx|Dr|Prof|St|Sr|Sra|Srta|Jr|Rev|Gen|Col|Capt|Lt|Sgt|Hon|Mt|Mme|Mlle|Hr|Fr|Dra|Ing"
    "|vs|approx|ca|cf|viz|bzw|e\\.g|i\\.e|z\\.\\s?B|d\\.\\s?h|u\\.\\s?a|p\\.\\s?ex"
)
_BEFORE_NUMBERS = (
    "Nos?|Nr|Fig|Vol|Art|Abs|Ch|Sec|Str|Tel|Ext|pp?"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun"
)
_GOES_ON = re.compile(
    rf"(?:\b(?:{_ABBREVIATIONS})\.|(?<![.\w])[^\W\d_]\."  # an abbreviation, an initial
    r"|(?:^|[:;,])\s*\(?\d{1,3}\.) *\Z"  # the number of a list
)
_NUMBER = re.compile(r"\d\. *\Z")
_MONTH = re.compile(r"(?:Jan|Feb|März|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)")  # as in "am 12. März"
_LABEL = re.compile(r"^\W*\w+ \d{1,3}\. *\Z")  # "Step 1."
_BEFORE_A_NUMBER = re.compile(rf"\b(?:{_BEFORE_NUMBERS})\. *\Z")
_ELLIPSIS = re.compile(r"…[\"'\u201d\u2019»)\]]*\s+(?=\S)")
_SPACE_OF_THAI = re.compile(r"(?<=[\u0e00-\u0eff])\s+(?=[\u0e00-\u0eff])")  # and Lao: no marks
_JOINERS = "-\u2010\u2011'\u2019/_@&+"


def sentence_ends(text: str) -> list[int]:
    """The places behind whole sentences and the space that follows them, the end of the text
    included. An item of a list is one, however many sentences it has."""
    ends, begin = set[int](), 0
    for _, at in _parts(SentenceBreaker(text, _ROOT)):
        if not _goes_on(text[begin:at], text[at : at + NEAR]):
            ends.add(at)
            begin = at
    ends |= {match.end() for match in _SPACE_OF_THAI.finditer(text)}
    ends |= {m.end() for m in _ELLIPSIS.finditer(text) if not text[m.end()].islower()}
    return sorted(_in_lists(text, ends) | {len(text)})


def sentences(text: str) -> list[str]:
    ends = sentence_ends(text)
    found = (text[a:b].strip() for a, b in zip([0, *ends], ends, strict=False))
    return [sentence for sentence in found if sentence]


def ends_sentence(text: str) -> bool:
    """Whether its last character ends a sentence, as far as that shows before more is there."""
    return text.rstrip().endswith(SENTENCE_MARKS)


def whole_words(text: str, place: int) -> str:
    """The text before `place`, without the word that `place` is inside of."""
    if place >= len(text):
        return text
    begin = max(text.rfind(" ", 0, place), place - NEAR, 0)
    near = text[begin : place + NEAR]
    ends = [begin + at for _, at in _parts(WordBreaker(near, _ROOT)) if begin + at <= place]
    cut = max((at for at in ends if not _is_joined(text, at)), default=begin)
    if place - cut > WORD_MAX:
        characters = _parts(CharacterBreaker(near, _ROOT))
        cut = max((begin + at for _, at in characters if begin + at <= place), default=cut)
    return text[:cut]


def _parts(found: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each part, and the place behind it."""
    at = 0
    for part in found:
        at += len(part)
        yield part, at


def _in_lists(text: str, ends: set[int]) -> set[int]:
    """Those of the ends that are not inside of a list's item, and where the items begin."""
    for item in listing.items(text):
        is_short = item.end is not None and item.end - item.begin <= ITEM_CHARS_MAX
        upto = item.end - 1 if item.end is not None and is_short else item.words
        ends = {at for at in ends if not item.begin < at <= upto}
        if text[: item.begin].strip():
            ends.add(item.begin)
    return ends


def _goes_on(sentence: str, behind: str) -> bool:
    """Whether the sentence that ICU ends there may go on: behind an abbreviation or a number."""
    if behind[:1].isdigit() and (_BEFORE_A_NUMBER.search(sentence) or _NUMBER.search(sentence)):
        return True
    if _NUMBER.search(sentence) and (_MONTH.match(behind) or _LABEL.search(sentence)):
        return bool(behind)
    return bool(_GOES_ON.search(sentence))


def _is_joined(text: str, at: int) -> bool:
    """Inside of twenty-five, a/b, or you're."""
    before, behind, next_ = text[at - 1 : at], text[at : at + 1], text[at + 1 : at + 2]
    if before in _JOINERS:
        return text[at - 2 : at - 1].isalnum() and behind.isalnum()
    return behind in _JOINERS and before.isalnum() and next_.isalnum()
